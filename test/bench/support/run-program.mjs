// Runs a whole program, and measures it.
import { spawn } from 'node:child_process';
import { cpuSeconds, endedChildrenSeconds, watchPeak } from './process-facts.mjs';
import { killAtExit } from './tidy.mjs';

/** Runs a command; answers its seconds, its processor seconds and those of the servers, and the most memory it had. */
export async function runProgram([program, ...args], serverPids) {
  const serverCpu = () => serverPids.reduce((sum, pid) => sum + cpuSeconds(pid), 0);
  const before = { ended: endedChildrenSeconds(), servers: serverCpu(), at: performance.now() };
  const child = killAtExit(spawn(program, args, { stdio: ['ignore', 'ignore', 'pipe'] }));
  let said = '';
  child.stderr.on('data', (text) => {
    said += text;
  });
  const peak = watchPeak(child.pid);
  const status = await new Promise((resolve, reject) =>
    child.once('error', reject).once('close', (code) => resolve(code)),
  );
  const seconds = (performance.now() - before.at) / 1000;
  const memory = peak.stop();
  if (status !== 0) throw new Error(`${program} ${args.join(' ')} ended with ${status}: ${said.slice(-500)}`);
  return {
    seconds,
    cpu: endedChildrenSeconds() - before.ended,
    serverCpu: serverCpu() - before.servers,
    memory,
  };
}
