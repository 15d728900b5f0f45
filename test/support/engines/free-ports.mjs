// Prints so many ports of 127.0.0.1 on which nobody listens, one a line.
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:net';

const servers = [];
// Bound all at once, so that they differ.
while (servers.length < Number(process.argv[2])) {
  const server = createServer().listen(randomInt(20_000, 32_000), '127.0.0.1');
  try {
    await once(server, 'listening');
    servers.push(server);
  } catch (fault) {
    if (fault.code !== 'EADDRINUSE') throw fault;
  }
}
for (const server of servers) {
  console.log(server.address().port);
  server.close();
}
