/** Runs the example of React in strict mode, against a server over WebSockets. Prints what the hook said as JSON. */
import { once } from 'node:events';
import { createElement, StrictMode, useEffect } from 'react';
import { create } from 'react-test-renderer';
import { fromEvent, map } from 'rxjs';
import { fromWebSocket } from 'sluice';
import { memoryStore, startServer } from 'sluice/server';
import { WebSocket, WebSocketServer } from 'ws';
import { useUpload } from './react-hook.js';

// A page has one of its own.
globalThis.WebSocket = WebSocket;

const sockets = new WebSocketServer({ port: 0, host: '127.0.0.1' });
await once(sockets, 'listening');
const connections$ = fromEvent(sockets, 'connection').pipe(
  map(([socket]) => ({ type: 'connection', connection: fromWebSocket(socket) })),
);
const store = memoryStore();
const server = startServer({ connections$, store });
const url = `ws://127.0.0.1:${sockets.address().port}`;

/** The states that were shown, and the hook as it was shown last. */
const shown = [];
let hook;
const looks = new Set();
function Form() {
  const given = useUpload(url);
  useEffect(() => {
    hook = given;
    shown.push(given.state);
    for (const look of looks) look();
  });
  return null;
}
const until = (isSo) =>
  new Promise((resolve) => {
    const look = () => {
      if (hook === undefined || !isSo(hook.state)) return;
      looks.delete(look);
      resolve();
    };
    looks.add(look);
    look();
  });

// The renderer says that it is deprecated in favour of a page.
console.error = () => {};
const page = create(createElement(StrictMode, null, createElement(Form)));
await until(({ phase }) => phase === 'idle');
hook.upload(new File([new Uint8Array(3_000_000)], 'photo.jpg'));
await until(({ phase }) => phase === 'stored');
const phases = [...new Set(shown.map(({ phase }) => phase))];
const sent = shown.flatMap((state) => (state.phase === 'sending' ? [state.sent] : []));
const end = shown.at(-1);

// What is under way when it is cancelled, or when the page goes, is not stored.
hook.upload(new File([new Uint8Array(50_000_000)], 'cancelled.mkv'));
await until(({ phase, sent }) => phase === 'sending' && sent > 0);
hook.cancel();
await until(({ phase }) => phase === 'idle');
hook.upload(new File([new Uint8Array(50_000_000)], 'left.mkv'));
await until(({ phase, sent }) => phase === 'sending' && sent > 0);
page.unmount();
for (const socket of sockets.clients) if (socket.readyState !== WebSocket.CLOSED) await once(socket, 'close');

await server.close({ grace: 0 });
sockets.close();
console.log(
  JSON.stringify({
    phases,
    end,
    neverFalls: sent.every((bytes, i) => bytes >= (sent[i - 1] ?? 0)),
    files: [...store.contents.keys()],
  }),
);
