/** The names of the store's objects: they say which segment of which content an object is, and are used once. */
import { randomUUID } from 'node:crypto';

/** What the name of an object says. */
export interface ObjectFacts {
  readonly file: string;
  /** The offset of the segment in its content, in bytes. */
  readonly start: number;
}

const OBJECT = /^([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\.(\d{1,16})\.[0-9a-f-]{36}$/;

/** `FILE.START.RANDOM`: characters that no part of S3 writes otherwise. @param folder ends with a slash. */
export const newObjectName = (folder: string, { file, start }: ObjectFacts): string =>
  `${folder}${file}.${start}.${randomUUID()}`;

/** Undefined when it is no name of this store. */
export function objectFacts(folder: string, name: string): ObjectFacts | undefined {
  if (!name.startsWith(folder)) return undefined;
  const [, file, start] = OBJECT.exec(name.slice(folder.length)) ?? [];
  return file === undefined ? undefined : { file, start: Number(start) };
}
