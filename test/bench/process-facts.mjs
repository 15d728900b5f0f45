// What the kernel says about a process and all that descend from it: processor time and resident memory.
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';

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

/** Seconds of processor time, user and system, of the whole family, with the children that have ended. */
export function cpuSeconds(pid) {
  let ticks = 0;
  for (const member of family(pid)) {
    // After the name, which may contain anything, come the fields from the third on; the times are 14 to 17.
    const stat = proc(member, 'stat');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    for (const time of fields.slice(11, 15)) ticks += Number(time);
  }
  return ticks / ticksPerSecond;
}

/** Seconds of processor time of all children of this process that have ended. */
export function childrenCpuSeconds() {
  const stat = proc('self', 'stat');
  const [user, system] = stat
    .slice(stat.lastIndexOf(')') + 2)
    .split(' ')
    .slice(13, 15)
    .map(Number);
  return (user + system) / ticksPerSecond;
}

const statusBytes = (pid, field) => {
  const found = proc(pid, 'status').match(new RegExp(`^${field}:\\s+(\\d+) kB`, 'm'));
  return found ? Number(found[1]) * 1024 : 0;
};

/** Bytes of one process that are in memory now. */
export const residentBytes = (pid) => statusBytes(pid, 'VmRSS');

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
