/** How a view and its place are written behind the `#` of the address. */

export const views = ['files', 'watch', 'inspect'] as const;
export type ViewName = (typeof views)[number];

export interface Route {
  readonly view: ViewName;
  /** Decoded: `photos/2024/`. */
  readonly place: string;
}

/** @example routeOf('#/files/a%20b/') // { view: 'files', place: 'a b/' } */
export function routeOf(hash: string): Route {
  const [, name = '', rest = ''] = /^#?\/?([^/]*)\/?(.*)$/s.exec(hash) ?? [];
  const view = views.find((each) => each === name);
  return view === undefined ? { view: 'files', place: '' } : { view, place: decoded(rest) };
}

export const hashOf = ({ view, place }: Route): string =>
  `#/${view}/${place.split('/').map(encodeURIComponent).join('/')}`;

/**
 * The folder that a place stands for: empty, or it ends in `/`. Whoever has names below a prefix alone begins in its folder:
 * there is nothing else to see.
 */
export const folderAt = (place: string, prefix: string): string =>
  place === '' ? prefix.slice(0, prefix.lastIndexOf('/') + 1) : place.endsWith('/') ? place : `${place}/`;
/** A hash that somebody has typed may be no encoding: then it is what it says. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
