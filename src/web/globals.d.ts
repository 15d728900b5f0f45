/** The files of the workers, by the names of their sources: `build/bundle-web.mjs` puts them in. */
declare const WORKER_URLS: Readonly<Record<string, string>>;
