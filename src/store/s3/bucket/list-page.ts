/** Reads the answers of S3 that are XML, as far as the store needs them: codes of errors, and names of its own objects. */

/** One object of a list. */
export interface ListedObject {
  readonly name: string;
  /** Milliseconds since 1970, by the clock of S3. */
  readonly modified: number;
}

export interface ListedPage {
  readonly objects: readonly ListedObject[];
  /** What the next page is asked for with; undefined when there is none. */
  readonly next: string | undefined;
  /** Milliseconds since 1970, by the clock of S3, when it answered. */
  readonly at: number;
}

/** The text of the first element of that name. The store's own names have no character that XML writes otherwise. */
export function elementOf(xml: string, name: string): string | undefined {
  const text = new RegExp(`<${name}>([^<]*)</${name}>`).exec(xml)?.[1];
  return text === undefined ? undefined : unescaped(text);
}

const ENTITIES: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" };

const unescaped = (text: string): string =>
  text.replace(/&(amp|lt|gt|quot|apos);/g, (whole, name: string) => ENTITIES[name] ?? whole);

/** @param date the `Date` header of the answer. */
export function parseListing(xml: string, date: string | undefined): ListedPage {
  const objects: ListedObject[] = [];
  for (const [, entry = ''] of xml.matchAll(/<Contents>(.*?)<\/Contents>/gs)) {
    const [name, modified] = [elementOf(entry, 'Key'), elementOf(entry, 'LastModified')];
    if (name !== undefined && modified !== undefined) objects.push({ name, modified: Date.parse(modified) });
  }
  const isTruncated = elementOf(xml, 'IsTruncated') === 'true';
  const now = Date.parse(date ?? '');
  return {
    objects,
    next: isTruncated ? elementOf(xml, 'NextContinuationToken') : undefined,
    at: Number.isNaN(now) ? Date.now() : now,
  };
}
