// What the kernel says about a process and all that descend from it: processor time and resident memory.
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';

const ticksPerSecond = Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }));

/** The text of /proc/PID/what, or nothing when the process is gone. */
const proc = (pid, what) => {
  try {
    return readFileSync(`/proc/${pid}/${what}`, 'utf8');
  } catch {
    return '';
  }
};

/** The process and its descendants that are alive now. */
export function family(pid) {
  const children = proc(pid, `task/${pid}/children`).split(' ').filter(Boolean).map(Number);
  return [pid, ...children.flatMap(family)];
}

/** Sums some of the times, in seconds, that the kernel's `stat` of a process has from its 14th field to its 17th. */
function timesOf(pid, from, to) {
  // After the name, which may contain anything, come the fields from the third on.
  const stat = proc(pid, 'stat');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return fields.slice(from - 3, to - 2).reduce((sum, ticks) => sum + Number(ticks), 0) / ticksPerSecond;
}

/** Seconds of processor time, user and system, of the whole family, with the children that have ended. */
export const cpuSeconds = (pid) => family(pid).reduce((sum, member) => sum + timesOf(member, 14, 17), 0);

/** The same of all children of this process that have ended. */
export const endedChildrenSeconds = () => timesOf(process.pid, 16, 17);

const statusBytes = (pid, field) => {
  const found = proc(pid, 'status').match(new RegExp(`^${field}:\\s+(\\d+) kB`, 'm'));
  return found ? Number(found[1]) * 1024 : 0;
};

/** Bytes of one process that are in memory now. */
export const residentBytes = (pid) => statusBytes(pid, 'VmRSS');

/** How many files and sockets it has open. */
export const openFiles = (pid) => readdirSync(`/proc/${pid}/fd`).length;

/** The most it was since the last `forgetPeak`, as the kernel kept it: nothing falls between two samples. */
export const peakBytes = (pid) => statusBytes(pid, 'VmHWM');

/** Starts the peak of each family member anew at what it is now. */
export function forgetPeak(pid) {
  for (const member of family(pid)) {
    try {
      writeFileSync(`/proc/${member}/clear_refs`, '5');
    } catch {
      // Somebody else's process: its peak then counts from its start.
    }
  }
}

/**
 * Watches the family's peak of resident memory. `stop()` answers the sum of what each member had at most; pages that
 * members share are counted for each, which flatters nobody who forks.
 */
export function watchPeak(pid, everyMs = 50) {
  forgetPeak(pid);
  const peaks = new Map();
  const look = () => {
    for (const member of family(pid)) peaks.set(member, Math.max(peaks.get(member) ?? 0, peakBytes(member)));
  };
  const timer = setInterval(look, everyMs);
  return {
    stop() {
      clearInterval(timer);
      look();
      return [...peaks.values()].reduce((sum, bytes) => sum + bytes, 0);
    },
  };
}

/** Does the work, which answers seconds; answers them with the processor time and the peak of the family meanwhile. */
export async function measured(pid, work) {
  const peak = watchPeak(pid);
  const before = cpuSeconds(pid);
  const seconds = await work();
  return { seconds, cpu: cpuSeconds(pid) - before, memory: peak.stop() };
}
