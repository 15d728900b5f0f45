/** SIGINT and SIGTERM: the first asks for an end in good order, the second one ends the process at once. */
import { Observable, type Subscription } from 'rxjs';
import { type EndingSignal, signalStatus } from './exit-status.ts';

/**
 * Emits the first signal to end. While it is subscribed the signals do not end the process by themselves; a second one
 * does, with 128 and its number.
 *
 * @param atOnce called before a second signal ends the process: what must not be lost or left behind.
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

/** What is to be done before the process ends before its time. */
const cleanUps = new Set<() => void>();

/** Ends the process though its work is not done, after cleaning up. */
export function exitEarly(status: number): never {
  for (const cleanUp of cleanUps) cleanUp();
  process.exit(status);
}

/**
 * Ends the process at the first signal, with 128 and its number, after cleaning up; the same is done before `exitEarly`.
 * For commands that have nothing to finish in good order. Unsubscribing gives the signals back.
 */
export function exitOnSignal(cleanUp: () => void): Subscription {
  cleanUps.add(cleanUp);
  const signals = endingSignals(() => {}).subscribe((signal) => exitEarly(signalStatus[signal]));
  signals.add(() => cleanUps.delete(cleanUp));
  return signals;
}
