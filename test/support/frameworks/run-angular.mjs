/** Runs the example of Angular, against a server that cuts it off once. Prints what the service gave as JSON. */
import { once } from 'node:events';
import { Injector } from '@angular/core';
import { fromEvent, map } from 'rxjs';
import { defineActor, fromWebSocket, lines, serveActors } from 'sluice';
import { WebSocket, WebSocketServer } from 'ws';
import { FEED_URL, Feed } from './angular-service.js';

// A page has one of its own.
globalThis.WebSocket = WebSocket;

/** Greets who comes, and answers each line. */
const actor = defineActor()({
  codec: lines({ maxLength: 100 }),
  reduce: (state, event) => ({
    state,
    effects:
      event.type === 'opened'
        ? [{ type: 'send', message: 'welcome' }]
        : event.type === 'message'
          ? [{ type: 'send', message: event.message.toUpperCase() }]
          : [],
  }),
});
const sockets = new WebSocketServer({ port: 0, host: '127.0.0.1' });
await once(sockets, 'listening');
const connections$ = fromEvent(sockets, 'connection').pipe(
  map(([socket]) => ({ type: 'connection', connection: fromWebSocket(socket) })),
);
const server = serveActors({ connections$, actor }).subscribe();

const injector = Injector.create({
  providers: [
    { provide: FEED_URL, useValue: `ws://127.0.0.1:${sockets.address().port}` },
    { provide: Feed, useFactory: () => new Feed(), deps: [] },
  ],
});
const feed = injector.get(Feed);
const before = feed.last();

const heard = [];
let look = () => {};
const until = (line) =>
  new Promise((resolve) => {
    look = () => heard.at(-1) === line && resolve();
    look();
  });
// A second listener shares the connection of the first.
const listening = feed.lines$.subscribe((line) => {
  heard.push(line);
  look();
});
await until('welcome');
const connections = sockets.clients.size;
await feed.send('one');
await until('ONE');
for (const socket of sockets.clients) socket.terminate();
await until('welcome');
await feed.send('two');
await until('TWO');
const after = feed.last();

const closed = Promise.all([...sockets.clients].map((socket) => once(socket, 'close')));
injector.destroy();
await closed;
const rejected = await feed.send('three').catch((error) => error.message);

console.log(
  JSON.stringify({
    before,
    heard,
    after,
    connections,
    over: listening.closed,
    rejected: rejected.replace(/\d+$/, 'PORT'),
  }),
);
server.unsubscribe();
sockets.close();
