/** `sluice demo` as a process: a service, and terminals that take part in it. */
import { afterEach, expect, test } from 'vitest';
import { endAll, sluiceInRunner, startSluice } from '../../support/processes/cli.ts';

afterEach(endAll);

/** Serves one of the demos on a free port. */
async function serving(name: string, ...options: readonly string[]) {
  const service = startSluice(['demo', name, '--port', '0', ...options]);
  const [, address] = await service.said(/^listening on (127\.0\.0\.1:\d+)$/m);
  return { ...service, address: address! };
}

test('two terminals chat with each other, and the service ends in order', async () => {
  const service = await serving('chat');
  const [ann, bob] = ['ann', 'bob'].map(() =>
    startSluice(['demo', 'chat', '--join', service.address], { input: 'open' }),
  );
  for (const [name, terminal] of [['ann', ann] as const, ['bob', bob] as const]) {
    await terminal!.said(/^What is your name\?$/m);
    terminal!.child.stdin!.write(`${name}\n`);
    await terminal!.said(new RegExp(`^\\* ${name} is in lobby$`, 'm'));
  }
  await ann!.said(/^\* bob is in lobby$/m);
  bob!.child.stdin!.write('größe\n');
  await ann!.said(/^bob: größe$/m);
  bob!.child.stdin!.end();
  expect(await bob!.done).toMatchObject({ status: 0, stderr: '' });
  await ann!.said(/^\* bob has left$/m);
  service.child.kill('SIGTERM');
  expect((await service.done).status).toBe(0);
  expect(await ann!.done).toMatchObject({ status: 0, stderr: '' });
});

test('the trace has what happens inside', async () => {
  const service = await serving('echo', '--trace');
  const terminal = startSluice(['demo', 'echo', '--join', service.address], { input: 'open' });
  terminal.child.stdin!.end('a\x1b[2J\n');
  expect(await terminal.done).toMatchObject({ status: 0, stdout: 'a\x1b[2J\n' });
  await service.said(/^tcp:1 message "a\\u001b\[2J" -> send$/m);
  await service.said(/^tcp:1 closed -> nothing$/m);
});

test.each([
  [['demo', 'nothing'], 2, /Allowed choices are echo, chat/],
  [['demo', 'kv', '--join'], 2, /--join is for services in lines, and kv is none/],
  [['demo', 'chat', '--join', 'unix:/tmp/x'], 2, /--join is HOST:PORT here/],
  [['demo', 'chat', '--port', '99999'], 2, /from 0 to 65535/],
  [['demo', 'chat', '--join', '127.0.0.1:1'], 3, /127\.0\.0\.1:1/],
])('sluice %j ends with status %i and says why', async (args, status, why) => {
  const ran = await sluiceInRunner(args);
  expect(ran.status).toBe(status);
  expect(ran.stderr).toMatch(why);
});

test('a port that is in use is said, with what to do', async () => {
  const service = await serving('echo');
  const other = await sluiceInRunner(['demo', 'echo', '--port', service.address.split(':')[1]!]);
  expect(other).toMatchObject({ status: 1 });
  expect(other.stderr).toMatch(/in use by another program: stop it, or choose another port/);
});
