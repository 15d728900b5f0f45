/** A log of the operations that a store asks of the file system, for tests of their order. */
import { expect } from 'vitest';
import type { FileSystem } from '../../../src/store/disk/file-system.ts';
import { type Interception, interceptedFileSystem, type Operation } from './fs-intercepted.ts';

/**
 * A file system that adds two lines to the log for each operation that succeeds: `begin rename ./a ./b` and
 * `end rename ./a ./b`. Paths are relative to the root, which is `.`; a descriptor is shown as the path by which
 * it was opened.
 */
export function loggedFileSystem(root: string, log: string[], more: Interception = {}): FileSystem {
  const pathsByFd = new Map<number, string>();
  const pathOf = (path: string) => {
    if (path === root) return '.';
    return path
      .replace(/^\/proc\/(?:self|\d+)\/fd\/(\d+)/, (_, fd) => pathsByFd.get(Number(fd)) ?? `${fd}`)
      .replace(`${root}/`, '');
  };
  const show = ({ name, args: [first, second] }: Operation) => {
    const path = typeof first === 'number' ? (pathsByFd.get(first) ?? `${first}`) : pathOf(`${first}`);
    return name === 'rename' ? `${name} ${path} ${pathOf(`${second}`)}` : `${name} ${path}`;
  };
  return interceptedFileSystem({
    ...more,
    before(operation) {
      log.push(`begin ${show(operation)}`);
      return more.before?.(operation);
    },
    after(operation, result) {
      const { name, args } = operation;
      if (name === 'open') pathsByFd.set(result as number, pathOf(`${args[0]}`));
      log.push(`end ${show(operation)}`);
      more.after?.(operation, result);
    },
  });
}

/**
 * Expects that the log has each step, and that the first line of each comes after that of the step before. A
 * text is a whole line.
 */
export function expectInOrder(log: readonly string[], steps: readonly (string | RegExp)[]): void {
  let last = -1;
  for (const step of steps) {
    const at = log.findIndex((line) => (typeof step === 'string' ? line === step : step.test(line)));
    expect(at, `${step} in ${log.join('\n')}`).toBeGreaterThan(last);
    last = at;
  }
}
