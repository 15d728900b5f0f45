/**
 * Signals. The first SIGINT or SIGTERM asks for an end in good order, the second one ends the process at once. SIGHUP and
 * SIGUSR2 tell a running server something without ending it.
 */
import { Observable, type Subscription } from 'rxjs';
import { type EndingSignal, signalStatus } from './exit-status.ts';

/**
 * Emits the first SIGINT or SIGTERM. While it is subscribed the signals do not end the process by themselves. A second
 * one ends it, with status 128 and the signal's number.
 *
 * @param atOnce called before a second signal ends the process, to save and to clean up.
 */
export function endingSignals(atOnce: () => void): Observable<EndingSignal> {
  return new Observable((subscriber) => {
    let asked = false;
    const on = (signal: EndingSignal) => {
      if (asked) {
        atOnce();
        process.exit(signalStatus[signal]);
      }
      asked = true;
      subscriber.next(signal);
    };
    for (const signal of Object.keys(signalStatus)) process.on(signal, on);
    return () => {
      for (const signal of Object.keys(signalStatus)) process.off(signal, on);
    };
  });
}

/** Called before the process ends early. */
const cleanUps = new Set<() => void>();

/** Cleans up, and ends the process although its work is not done. */
export function exitEarly(status: number): never {
  for (const cleanUp of cleanUps) cleanUp();
  process.exit(status);
}

/**
 * Ends the process at the first signal, with status 128 and the signal's number, after `cleanUp`. `exitEarly` calls
 * `cleanUp` too. It is for commands that have nothing to finish in good order. Unsubscribing gives the signals back.
 */
export function exitOnSignal(cleanUp: () => void): Subscription {
  cleanUps.add(cleanUp);
  const signals = endingSignals(() => {}).subscribe((signal) => exitEarly(signalStatus[signal]));
  signals.add(() => cleanUps.delete(cleanUp));
  return signals;
}

/**
 * Emits each time the signal comes. While it is subscribed the signal does nothing else.
 *
 * @example
 * const subscription = signal$('SIGHUP').subscribe(readAgain);
 */
export const signal$ = (signal: 'SIGHUP' | 'SIGUSR2'): Observable<void> =>
  new Observable((subscriber) => {
    const on = () => subscriber.next();
    process.on(signal, on);
    return () => process.off(signal, on);
  });
