/** Settings that this server knows and has nothing for: it does not start rather than be less careful than it was told. */
import { exitStatus } from './exit-status.ts';
import type { Configuration } from './settings.ts';
import { stop } from './stop.ts';

/** Throws a `Stop` that names the first such setting that is set. */
export function refuseUnserved({ settings, called }: Configuration): void {
  const unserved = {
    quota: settings.quota !== Number.POSITIVE_INFINITY,
  };
  for (const name of ['quota'] as const) {
    if (unserved[name]) throw stop(exitStatus.failed, `${called(name)} cannot be served by this version`);
  }
}
