/** Events that sinks have refused for good, in a file of their own: `dead` in the folder of the log. */
import type { Outcome } from '../contract.ts';
import { errnoOf, systemFault } from '../disk/errno.ts';
import { err, ok } from '../outcome.ts';
import type { DeadLetter } from './change-log.ts';
import type { LogFile, LogFolder } from './log-folder.ts';
import { type DeadRecord, encodeRecord, scanRecords } from './record.ts';

export interface DeadLetters {
  of(sink: string): readonly DeadLetter[];
  count(sink: string): number;
  /** Adds or replaces letters, durably. */
  put(letters: readonly DeadLetter[]): Promise<Outcome<void>>;
  /** Removes letters, durably. */
  remove(letters: readonly DeadLetter[]): Promise<Outcome<void>>;
  close(): Promise<void>;
}

const NAME = 'dead';
const NEW_NAME = 'dead.new';
/** Of a sink. One that refuses more is held up until somebody looks. */
const LETTERS_MAX = 1000;
/** The file is written anew when it has more bytes than this, and twice as many as it needs. */
const COMPACT_BYTES_MIN = 256 * 1024;

const keyOf = ({ sink, event }: DeadLetter): string => JSON.stringify([sink, event.id]);

interface DeadState {
  readonly folder: LogFolder;
  readonly letters: Map<string, DeadLetter>;
  file: LogFile | null;
  /** Bytes of whole records in the file. */
  bytes: number;
  /** The write under way: one at a time. */
  writing: Promise<unknown>;
}

export async function openDeadLetters(folder: LogFolder): Promise<DeadLetters> {
  const state: DeadState = {
    ...{ folder, letters: new Map(), file: null, bytes: 0, writing: Promise.resolve() },
  };
  await load(state);
  const of = (sink: string) => [...state.letters.values()].filter((letter) => letter.sink === sink);
  return {
    of,
    count: (sink) => of(sink).length,
    put: (letters) => inTurn(state, () => put(state, letters)),
    remove: (letters) => inTurn(state, () => remove(state, letters)),
    close: async () => {
      await state.writing;
      state.file?.close();
    },
  };
}

async function load(state: DeadState): Promise<void> {
  try {
    state.file = await state.folder.open(NAME);
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw error;
    return;
  }
  const { end } = scanRecords<DeadRecord>(await state.file.read(state.file.size), (record) => {
    if (record.kind === 'gone') return void state.letters.delete(JSON.stringify([record.sink, record.id]));
    const { kind: _, ...letter } = record;
    state.letters.set(keyOf(letter), letter);
  });
  state.bytes = end;
}

const sizeOf = (letters: Iterable<DeadLetter>): number => {
  let bytes = 0;
  for (const letter of letters) bytes += encodeRecord({ kind: 'dead', ...letter }).length;
  return bytes;
};

/** Writes run one at a time. */
function inTurn(state: DeadState, write: () => Promise<Outcome<void>>): Promise<Outcome<void>> {
  const outcome = state.writing.then(write).catch((error: unknown) => {
    const fault = systemFault(error);
    if (fault === undefined) throw error;
    // Nobody knows what is in the file: it is written anew.
    state.file?.close();
    state.file = null;
    return fault;
  });
  state.writing = outcome.catch(() => {});
  return outcome;
}

async function put(state: DeadState, letters: readonly DeadLetter[]): Promise<Outcome<void>> {
  const added = letters.filter((letter) => !state.letters.has(keyOf(letter)));
  for (const { sink } of added.slice(0, 1)) {
    const count = [...state.letters.values()].filter((letter) => letter.sink === sink).length;
    if (count + added.length > LETTERS_MAX)
      return err('events-full', `${sink} has ${LETTERS_MAX} dead letters: replay or drop them`);
  }
  const next = new Map(state.letters);
  for (const letter of letters) next.set(keyOf(letter), letter);
  await write(
    state,
    next,
    letters.map((letter) => ({ kind: 'dead', ...letter })),
  );
  return ok(undefined);
}

async function remove(state: DeadState, letters: readonly DeadLetter[]): Promise<Outcome<void>> {
  const next = new Map(state.letters);
  for (const letter of letters) next.delete(keyOf(letter));
  await write(
    state,
    next,
    letters.map(({ sink, event }) => ({ kind: 'gone', sink, id: event.id })),
  );
  return ok(undefined);
}

/** Appends the records, or writes the file anew. The letters change once that is durable. */
async function write(
  state: DeadState,
  next: ReadonlyMap<string, DeadLetter>,
  records: readonly DeadRecord[],
): Promise<void> {
  if (records.length === 0) return;
  const isWasteful = state.bytes > COMPACT_BYTES_MIN && state.bytes > 2 * sizeOf(next.values());
  if (state.file === null || isWasteful) await writeAnew(state, next.values());
  else {
    const chunks = records.map(encodeRecord);
    await state.file.write(chunks, state.bytes);
    if (state.folder.durable) await state.file.sync();
    state.bytes += chunks.reduce((sum, { length }) => sum + length, 0);
  }
  state.letters.clear();
  for (const [key, letter] of next) state.letters.set(key, letter);
}

async function writeAnew(state: DeadState, letters: Iterable<DeadLetter>): Promise<void> {
  const { folder } = state;
  const chunks: Buffer[] = [];
  for (const letter of letters) chunks.push(encodeRecord({ kind: 'dead', ...letter }));
  const file = await folder.create(NEW_NAME);
  try {
    await file.write(chunks, 0);
    if (folder.durable) await file.sync();
    await folder.rename(NEW_NAME, NAME);
    await folder.sync();
  } catch (error) {
    file.close();
    throw error;
  }
  state.file?.close();
  state.file = file;
  state.bytes = chunks.reduce((sum, { length }) => sum + length, 0);
}
