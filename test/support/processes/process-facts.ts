/** What a running process holds, as Linux tells it. */
import { readdirSync, readFileSync, readlinkSync, statSync } from 'node:fs';

/** Its open descriptors, as what they lead to: a path, `socket:[123]`, `anon_inode:[eventpoll]`. */
export const descriptorsOf = (pid: number): string[] => descriptorsWhere(pid, () => true);

/** Those that lead to no folder, as `stat` says of the descriptor: a folder may be removed by now. */
export const descriptorsOfFiles = (pid: number): string[] =>
  descriptorsWhere(pid, (descriptor) => !statSync(descriptor).isDirectory());

function descriptorsWhere(pid: number, isWanted: (descriptor: string) => boolean): string[] {
  const folder = `/proc/${pid}/fd`;
  return readdirSync(folder).flatMap((fd) => {
    try {
      const descriptor = `${folder}/${fd}`;
      return isWanted(descriptor) ? [readlinkSync(descriptor)] : [];
    } catch {
      // Closed between the look at the folder and the look at it.
      return [];
    }
  });
}

/** How many of them are sockets: connections, listening ones, and a pipe to a process that node has made. */
export const socketsOf = (pid: number): number =>
  descriptorsOf(pid).filter((path) => path.startsWith('socket:')).length;

/** Bytes of memory it has resident. */
export function residentOf(pid: number): number {
  const [, kib] = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1')) ?? [];
  if (kib === undefined) throw new Error(`process ${pid} is over`);
  return Number(kib) * 1024;
}

/** The processes that it has started and that it has not seen end. */
export const childrenOf = (pid: number): number[] =>
  readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8')
    .split(' ')
    .filter((text) => text !== '')
    .map(Number);
