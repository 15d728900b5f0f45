/** A view that is loaded when it is first shown. */
import type { ComponentType } from 'preact';
import { useEffect, useState } from 'preact/hooks';

type Loaded<P> = { readonly view: ComponentType<P> } | { readonly failed: true } | null;

export function lazily<P extends object>(load: () => Promise<ComponentType<P>>): ComponentType<P> {
  let loaded: Loaded<P> = null;
  return function Lazy(props: P) {
    const [state, setState] = useState<Loaded<P>>(loaded);
    const get = (): void => {
      setState(null);
      load().then(
        (view) => {
          loaded = { view };
          setState(loaded);
        },
        () => setState({ failed: true }),
      );
    };
    useEffect(() => {
      if (loaded === null) get();
    }, []);
    if (state === null) return <p class="hint centred">Loading…</p>;
    if ('view' in state) {
      const View = state.view;
      return <View {...props} />;
    }
    return (
      <p class="fault centred" role="alert">
        The server did not send this part of the page.{' '}
        <button type="button" onClick={get}>
          Try again
        </button>
      </p>
    );
  };
}
