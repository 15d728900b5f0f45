/**
 * `sluice replay FILE --write-test out.test.ts`: a recording becomes a test of its own.
 *
 * ```text
 *  FILE ──▶ conversations ──▶ framing? ──▶ redacted ──▶ capture ──▶ tried ──▶ both files
 *           (only, bounded)                                └──▶ what was said, what may differ ──▶ test
 * ```
 */
import { basename, dirname, isAbsolute, relative, resolve, sep } from 'node:path';
import { formatBytes, plainCountOf } from '../../../base/units.ts';
import { captureOf } from '../../../capture/capture.ts';
import {
  type ConversationLog,
  type LoggedConversation,
  logConversations,
} from '../../../capture/trim/conversation-log.ts';
import { redactLog } from '../../../capture/trim/redact-log.ts';
import { onlyWholeReplies } from '../../../capture/trim/whole-replies.ts';
import { type WrittenLog, writeLog } from '../../../capture/trim/write-log.ts';
import { loadFolder } from '../../../store/memory/load-folder.ts';
import type { LengthFieldOptions } from '../../../wire/length-field.ts';
import { exitError } from '../../shared/exit-error.ts';
import { exitStatus } from '../../shared/exit-status.ts';
import { printable } from '../../shared/format.ts';
import type { Output } from '../../shared/output.ts';
import { folderError } from '../flags.ts';
import { type CaptureInput, nothingFound } from '../read.ts';
import { ignoredIn, NOTHING_IGNORED } from './ignored-fields.ts';
import { noteLines } from './notes.ts';
import { commandLine, type OwnPipeline } from './own-pipeline.ts';
import { saidIn } from './said.ts';
import {
  foundFraming,
  framingNamed,
  inspectOptionsOf,
  isFramedSo,
  recordedFraming,
  type TestFraming,
} from './test-framing.ts';
import { refuseExisting, refuseOriginal, testPathsOf, writeTestFiles } from './test-paths.ts';
import { testSource } from './test-source.ts';
import { tryTest } from './try-test.ts';

export interface WriteTestFlags {
  readonly writeTest: string;
  readonly force?: boolean;
  readonly only?: readonly (number | string)[];
  readonly preset?: string;
  readonly lengthField?: LengthFieldOptions;
  readonly with?: string;
  readonly pipeline?: OwnPipeline;
  readonly json?: boolean;
  readonly quiet?: boolean;
}

/** The most bytes of the capture of a test: what is longer ends there. */
const CAPTURE_BYTES_MAX = 16 * 1024 * 1024;
/** A capture of more bytes is given more time. */
const LARGE_BYTES = 1024 * 1024;
/** The most conversations of a test, each of which is a test. */
const CONVERSATIONS_MAX = 100;

export async function writeTest(
  file: string,
  input: CaptureInput,
  flags: WriteTestFlags,
  output: Output,
): Promise<void> {
  const paths = testPathsOf(flags.writeTest);
  refuseOriginal(paths, file);
  if (!flags.force) refuseExisting(paths);
  await loadFolder(flags.with, folderError);
  const { only } = flags;
  const whole = await logConversations(input.capture, {
    ...(only === undefined ? {} : { only }),
    maxBytes: CAPTURE_BYTES_MAX,
    maxConversations: CONVERSATIONS_MAX,
  });
  input.end();
  if (whole.conversations.length === 0) throw await nothingFound(file, only);
  const { framing, isSluice, isAsked } = framingOf(file, whole, flags);
  const selected = isAsked ? whole : onlyFramedSo(whole, framing);
  const framingOfReplies = recordedFraming(framing);
  const log = framingOfReplies === null ? selected : onlyWholeReplies(selected, framingOfReplies);
  if (isSluice) redactLog(framing.type === 'own' ? onlyFramedSo(log, { type: 'sluice' }) : log);
  const written = writeLog(log);
  const lacksPackets = log.conversations.some(({ missing }) => missing.client + missing.server > 0);
  const endsEarly = flags.pipeline === undefined && (await tryTest(written, framing, flags.with));
  const notes = noteLines(log, whole, CAPTURE_BYTES_MAX);
  if (log !== selected) notes.push('Replies that are not whole at its end are left out.');
  if (endsEarly && !lacksPackets) notes.push('It ends in the middle of a message, which is not compared.');
  const capture = captureOf(written.bytes, basename(paths.capture));
  const source = testSource({
    command: commandLine(file, flags),
    capture: basename(paths.capture),
    framing,
    own: flags.pipeline === undefined ? null : ownFrom(flags.pipeline, paths.test),
    files: flags.with === undefined ? null : `${relativeTo(flags.with, paths.test)}/`,
    ignored: isSluice && flags.pipeline === undefined ? ignoredIn(log) : NOTHING_IGNORED,
    conversations: await saidIn(capture, inspectOptionsOf(framing)),
    notes,
    isIncomplete: lacksPackets || endsEarly,
    isLarge: written.bytes.length > LARGE_BYTES,
  });
  writeTestFiles(paths, source, written.bytes, flags.force ?? false);
  report({ paths, log, written, notes, flags, output });
}

interface FoundFraming {
  readonly framing: TestFraming;
  /** Whether tokens are found and hidden, as Sluice's wire has them. */
  readonly isSluice: boolean;
  /** Whether it was asked for: then it is that of all conversations. */
  readonly isAsked: boolean;
}

function framingOf(file: string, log: ConversationLog, flags: WriteTestFlags): FoundFraming {
  const { preset, lengthField, pipeline } = flags;
  const asked = (framing: TestFraming): FoundFraming => ({
    framing,
    isSluice: framing.type === 'sluice',
    isAsked: true,
  });
  if (lengthField !== undefined) return asked({ type: 'length-field', options: lengthField });
  if (preset === 'none' && pipeline === undefined) {
    throw exitError(
      exitStatus.failed,
      'a test without frames needs something that answers: name it with --pipeline',
    );
  }
  if (preset !== undefined) return asked(framingNamed(preset));
  const found = foundFraming(log.conversations);
  const isSluice = found?.type === 'sluice';
  if (pipeline !== undefined) return { framing: { type: 'own' }, isSluice, isAsked: true };
  if (found !== null) return { framing: found, isSluice, isAsked: false };
  const name = printable(file);
  throw exitError(
    exitStatus.failed,
    `it is not known how the messages of ${name} are framed: name that with --preset or --length-field, or what answers them with --pipeline`,
  );
}

function onlyFramedSo(log: ConversationLog, framing: TestFraming): ConversationLog {
  const conversations = log.conversations.filter((it) => isFramedSo(framing, it));
  const kept = new Set<LoggedConversation>(conversations);
  return { ...log, conversations, events: log.events.filter(({ of }) => kept.has(of)) };
}

const ownFrom = ({ module, name }: OwnPipeline, test: string): OwnPipeline =>
  /^\.{0,2}\//.test(module) || isAbsolute(module)
    ? { module: withDot(asImported(relativeTo(module, test), test)), name }
    : { module, name };

/** A test in TypeScript imports a module by the name of what it is compiled to, as TypeScript wants it. */
const asImported = (path: string, test: string): string =>
  /\.[cm]?ts$/.test(test) ? path.replace(/\.([cm]?)ts$/, '.$1js') : path;

const withDot = (path: string): string => (path.startsWith('.') ? path : `./${path}`);

/** A path seen from the folder of the test, as an import or a URL writes it. */
const relativeTo = (path: string, test: string): string =>
  relative(resolve(dirname(test)), resolve(path))
    .split(sep)
    .join('/') || '.';

interface Reported {
  readonly paths: ReturnType<typeof testPathsOf>;
  readonly log: ConversationLog;
  readonly written: WrittenLog;
  readonly notes: readonly string[];
  readonly flags: WriteTestFlags;
  readonly output: Output;
}

function report({ paths, log, written, notes, flags, output }: Reported): void {
  const { conversations } = log;
  if (flags.json) {
    const [tests, packets, bytes] = [conversations.length, written.packets, written.bytes.length];
    return output.json({ event: 'test-written', ...paths, tests, packets, bytes, notes });
  }
  if (flags.quiet) return;
  const tests = plainCountOf(conversations.length, 'test');
  const packets = `${plainCountOf(written.packets, 'packet')}, ${formatBytes(written.bytes.length)}`;
  output.line(`wrote ${printable(paths.test)} (${tests}) and ${printable(paths.capture)} (${packets})`);
  for (const note of notes) output.line(`  ${printable(note)}`);
  if (flags.pipeline === undefined) output.line(`npx vitest run ${printable(paths.test)}`);
  else output.line(`not tried yet: npx vitest run ${printable(paths.test)}`);
}
