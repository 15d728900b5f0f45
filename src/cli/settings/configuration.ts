/**
 * The settings as the server is started with, and where each came from. The type has a file of its own, since `settings`
 * makes it and `checks`, which `settings` calls, reads it.
 */
import type { SettingName, Settings } from './table.ts';

/** The settings, and the name of each in the source that its value came from. */
export interface Configuration {
  readonly settings: Settings;
  /** Values that were ignored and may have been meant as settings; a line each. */
  readonly warnings: readonly string[];
  /** @example '--max-file', 'SLUICE_MAX_FILE', 'config.json: limits.maxFile' */
  readonly called: (name: SettingName) => string;
  /** Whether no source has a value for it. */
  readonly isDefault: (name: SettingName) => boolean;
  /** The name of one setting in the source that the value of another came from. */
  readonly calledBeside: (name: SettingName, other: SettingName) => string;
}
