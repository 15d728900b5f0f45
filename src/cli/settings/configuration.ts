/** The settings as the server is started with, and where each came from. */
import type { SettingName, Settings } from './table.ts';

/** The settings, and how each is called where its value came from. */
export interface Configuration {
  readonly settings: Settings;
  /** What was left out of account, and may have been meant for something; a line each. */
  readonly warnings: readonly string[];
  /** @example '--max-file', 'SLUICE_MAX_FILE', 'config.json: limits.maxFile' */
  readonly called: (name: SettingName) => string;
  /** Whether no source has a value of it. */
  readonly isDefault: (name: SettingName) => boolean;
  /** What one setting would be called where the value of another came from. */
  readonly calledBeside: (name: SettingName, other: SettingName) => string;
}
