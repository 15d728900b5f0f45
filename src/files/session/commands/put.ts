/**
 * `put`: stores the body under a name, atomically.
 *
 *   phase        event             -> phase       effects, reply
 *                start                receiving    openPut
 *   receiving    data                 receiving    write, and sync where progress is due
 *   receiving    end                  committing   commit
 *   receiving    result, failed       done         error (the sink has cleaned up; the rest is skipped)
 *   committing   result, stored       done         ack
 *   committing   result, failed       done         error
 *   either       result, synced       the same     progress
 */
import { match } from 'ts-pattern';
import { putBodyLength } from '../../protocol/body-length.ts';
import { serviceFault } from '../../protocol/errors.ts';
import { requestPatterns } from '../../protocol/request.ts';
import { uploadKey } from '../../protocol/upload.ts';
import { acknowledge, refuse } from '../answers.ts';
import { type CommandEvent, defineCommand, type Transition } from '../command.ts';
import type { CommandEffect } from '../effect.ts';

interface State {
  readonly phase: 'receiving' | 'committing';
  /** The id that the peer gave the upload. */
  readonly upload?: string | undefined;
  readonly progress?: Progress | undefined;
}

/** The progress of a put that asks for progress replies. */
interface Progress {
  /** The least bytes between two progress replies. */
  readonly every: number;
  /** The bytes that have come, those of earlier tries included. */
  readonly received: number;
  /** The number of bytes at which the next progress reply is due. */
  readonly next: number;
}

const receiving: State = { phase: 'receiving' };
const committing: State = { phase: 'committing' };

export const put = defineCommand({
  pattern: requestPatterns.put,
  touches: { filename: 'write', upload: 'upload' },
  bodyLength: putBodyLength,
  start: (request, { name: owner }): Transition<State> => {
    const { filename, filesize, offset, upload, crc32, sha256, progress, mtime, ifAbsent } = request;
    if (offset && upload === undefined) {
      const why = "the server has 0 bytes: only a put with an 'upload' can go on where it was interrupted";
      return refuse(receiving, serviceFault('bad-offset', why, { offset: 0 }));
    }
    const key = upload === undefined ? undefined : uploadKey(owner, upload);
    const content = { size: filesize, offset: key === undefined ? undefined : offset, crc32, sha256 };
    const begin = { type: 'openPut', name: filename, ...content, upload: key, mtime, ifAbsent } as const;
    return { state: stateOf(upload, progress, offset), effects: [begin] };
  },
  on: (state: State, event) => {
    // The only event that comes once a chunk, so it does not go through the matching below.
    if (event.type === 'data') return data(state, event);
    return match(event)
      .with({ type: 'end' }, () => ({
        state: state === receiving ? committing : { ...state, phase: 'committing' as const },
        effects: [{ type: 'commit' as const }],
      }))
      .with({ type: 'result', result: { of: 'commit', ok: true } }, ({ result }) => {
        const { name: filename, size, crc32, durable } = result.value;
        return acknowledge(state, { filename, size, crc32, durable, ...uploadField(state) });
      })
      .with({ type: 'result', result: { of: 'sync', ok: true } }, ({ result }) => {
        const fields = { ...uploadField(state), offset: result.value.offset };
        return { state, replies: [{ type: 'progress' as const, fields }] };
      })
      .with({ type: 'result', result: { ok: false } }, ({ result }) => refuse(state, result.error))
      .otherwise(() => ({ state }));
  },
});

function stateOf(upload: string | undefined, every: number | undefined, offset = 0): State {
  if (upload === undefined && every === undefined) return receiving;
  const progress = every === undefined ? undefined : { every, received: offset, next: offset + every };
  return { phase: 'receiving', upload, progress };
}

const uploadField = ({ upload }: State) => (upload === undefined ? {} : { upload });

function data(state: State, { bytes }: Extract<CommandEvent<never>, { type: 'data' }>): Transition<State> {
  const write: CommandEffect = { type: 'write', bytes };
  if (state.progress === undefined) return { state, effects: [write] };
  const { every, next } = state.progress;
  const received = state.progress.received + bytes.length;
  const due = received >= next;
  const progress = { every, received, next: due ? received + every : next };
  return { state: { ...state, progress }, effects: due ? [write, { type: 'sync' }] : [write] };
}
