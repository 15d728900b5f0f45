/** Observables in components. */
import { useEffect, useState } from 'preact/hooks';
import type { Observable } from 'rxjs';

/** The last value of an Observable: the component is drawn again when there is another. The Observable must stay the same. */
export function useObservable<T>(source$: Observable<T>, initial: T): T {
  const [value, setValue] = useState<T>(initial);
  useEffect(() => {
    const subscription = source$.subscribe((next) => setValue(() => next));
    return () => subscription.unsubscribe();
  }, [source$]);
  return value;
}
