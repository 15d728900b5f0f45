/** The helpers of the cases of the contract suite. */
import assert from 'node:assert/strict';
import type { ErrorCode } from '../../files/protocol/errors.ts';
import type { Committed, FileInfo, FileStore, MaybeAsync, Outcome, PutOptions } from '../contract.ts';

/** A case: throws when the store, which was empty, does not keep the contract. */
export type ContractCase = (store: FileStore) => Promise<void>;

export const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

/** Bytes that differ from place to place, so that one in the wrong place is noticed. */
export const pattern = (length: number, seed = 1): Uint8Array =>
  Uint8Array.from({ length }, (_, i) => (i * 31 + (i >> 8) * 7 + seed) & 0xff);

/** The value of an answer that must be a success. */
export async function value<T>(answer: MaybeAsync<T>): Promise<T> {
  const outcome = await answer;
  if (!outcome.ok) assert.fail(`expected success, got ${JSON.stringify(outcome)}`);
  return outcome.value;
}

/** Asserts that an answer is a failure with this code. */
export async function refused(answer: MaybeAsync<unknown>, code: ErrorCode): Promise<void> {
  const outcome = await answer;
  assert.ok(!outcome.ok, `expected ${code}, got success`);
  assert.equal(outcome.error.code, code, outcome.error.message);
  assert.ok(outcome.error.message.length > 0);
}

/** Puts a file in one go; the outcome of the first call that failed, or of the commit. */
export async function put(
  store: FileStore,
  name: string,
  content: string | Uint8Array,
  options: Partial<PutOptions> = {},
): Promise<Outcome<Committed>> {
  const chunk = typeof content === 'string' ? bytes(content) : content;
  const sink = await store.put(name, { size: chunk.length, ...options });
  if (!sink.ok) return sink;
  const written = await sink.value.write([chunk]);
  return written.ok ? sink.value.commit() : written;
}

/** The whole content of a file. */
export async function contentOf(store: FileStore, name: string): Promise<Uint8Array> {
  const source = await value(store.open(name));
  try {
    return new Uint8Array(await value(source.read(0, source.size)));
  } finally {
    await source.close();
  }
}

export const textOf = async (store: FileStore, name: string): Promise<string> =>
  new TextDecoder().decode(await contentOf(store, name));

/** Every name, page by page. */
export async function namesIn(store: FileStore, limit = 1000, prefix = ''): Promise<string[]> {
  const names: string[] = [];
  let after: string | undefined;
  do {
    const page = await value(store.list({ limit, prefix, ...(after === undefined ? {} : { after }) }));
    assert.ok(page.files.length <= limit, 'a page is no longer than asked for');
    names.push(...page.files.map((file: FileInfo) => file.name));
    after = page.next;
    if (after !== undefined) assert.equal(after, names.at(-1), 'next is the last name of the page');
  } while (after !== undefined);
  return names;
}
