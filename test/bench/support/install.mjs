// Gets a peer's program from Debian's packages, where that may be.
import { spawnSync } from 'node:child_process';

const has = (program) => spawnSync('sh', ['-c', `command -v ${program}`]).status === 0;
const answers = new Map();

/** Whether the program of that name (and package) is there now; when not, says once why its row is left out. */
export function installed(program) {
  if (!answers.has(program)) answers.set(program, has(program) || install(program));
  return answers.get(program);
}

function install(program) {
  const skip = (why) => {
    console.log(`${program}: left out, ${why}`);
    return false;
  };
  if (process.getuid?.() !== 0 || !has('apt-get')) {
    return skip(`not installed, and this is not root on Debian; as root: apt-get install ${program}`);
  }
  console.log(`${program}: installing Debian's package`);
  const commands = [
    // A package must not start a service on this machine: dpkg asks this script, and 101 means no.
    'policy=/usr/sbin/policy-rc.d',
    'test -e $policy || { printf "#!/bin/sh\\nexit 101\\n" >$policy; chmod +x $policy; trap "rm -f $policy" EXIT; }',
    'export DEBIAN_FRONTEND=noninteractive',
    `apt-get update -qq; apt-get install -y -qq --no-install-recommends ${program}`,
  ];
  const { status, stderr } = spawnSync('sh', ['-c', commands.join('\n')], { encoding: 'utf8' });
  return (status === 0 && has(program)) || skip(`apt-get failed: ${stderr.trim().split('\n').at(-1)}`);
}
