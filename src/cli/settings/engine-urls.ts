/** The addresses of the engines of a store, as settings name them. */

/** A bucket, and what the names of the objects begin with. */
export interface Place {
  readonly bucket: string;
  readonly prefix: string;
}

/** Undefined when it is no `s3://BUCKET/PREFIX`. A prefix is a folder, with or without its slash. */
export function placeOf(url: string): Place | undefined {
  const [, bucket, folder = ''] =
    /^s3:\/\/([a-z0-9][a-z0-9._-]{1,62})(?:\/((?!.*(?:^|\/)\.{1,2}(?:\/|$))[A-Za-z0-9_./-]{0,200}))?$/.exec(
      url,
    ) ?? [];
  if (bucket === undefined) return undefined;
  return { bucket, prefix: folder === '' || folder.endsWith('/') ? folder : `${folder}/` };
}

export const isPlace = (url: string): boolean => placeOf(url) !== undefined;

const isUrlOf = (url: string, ...protocols: readonly string[]): boolean =>
  URL.canParse(url) && protocols.includes(new URL(url).protocol);

export const isPostgresUrl = (url: string): boolean => isUrlOf(url, 'postgres:', 'postgresql:');

/** One with a user or a password is refused: it would be printed, and is not used. */
export const isHttpUrl = (url: string): boolean =>
  isUrlOf(url, 'http:', 'https:') && new URL(url).username === '' && new URL(url).password === '';

export const hasPassword = (url: string): boolean => {
  const { password, searchParams } = new URL(url);
  return password !== '' || searchParams.has('password');
};

/** The address without its password, which nothing prints. */
export function withoutPassword(url: string): string {
  const shown = new URL(url);
  shown.password = '';
  shown.searchParams.delete('password');
  return shown.href;
}
