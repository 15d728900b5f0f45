/** Programs that cannot be started: the caller is told, and the process that wanted to start them goes on. */
import { type ChildProcess, spawn } from 'node:child_process';
import { EventEmitter } from 'node:events';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { runProgram } from '../../../src/server/sinks/run-program.ts';

vi.mock('node:child_process', async (original) => {
  const actual = await original<typeof import('node:child_process')>();
  return { ...actual, spawn: vi.fn(actual.spawn) };
});
afterEach(() => vi.mocked(spawn).mockReset());

const { signal } = new AbortController();

describe('a program that cannot be started', () => {
  it('that there is none of this name is told', async () => {
    const { spawn: actual } =
      await vi.importActual<typeof import('node:child_process')>('node:child_process');
    vi.mocked(spawn).mockImplementation(actual);
    const run = await runProgram(['/no/such/program'], 'input', 1000, signal);
    expect(run).toMatchObject({ status: null, how: expect.stringContaining('ENOENT') });
  });

  it('without descriptors for its streams, as Node.js gives it then, it is told', async () => {
    // As `spawn` behaves at EMFILE: no process, no streams, and an error in the next turn.
    vi.mocked(spawn).mockImplementation(() => {
      const child = new EventEmitter();
      process.nextTick(() => child.emit('error', new Error('spawn scan EMFILE')));
      return child as ChildProcess;
    });
    const run = await runProgram(['scan'], 'input', 1000, signal);
    expect(run).toEqual({ status: null, how: 'spawn scan EMFILE', stdout: '', stderr: '' });
  });

  it('what `spawn` throws is told', async () => {
    vi.mocked(spawn).mockImplementation(() => {
      throw new Error('spawn E2BIG');
    });
    const run = await runProgram(['scan'], 'input', 1000, signal);
    expect(run).toMatchObject({ status: null, how: 'spawn E2BIG' });
  });
});
