/** The signals that tell a running server something without ending it. */
import { Observable } from 'rxjs';

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
