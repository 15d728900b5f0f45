/** Runs the example of Nest: one application that serves files, and another that uploads to it. Prints JSON. */
import 'reflect-metadata';
import { createServer } from 'node:net';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { firstValueFrom, lastValueFrom } from 'rxjs';
import { bytesContent } from 'sluice/client';
import { FILE_STORE, FileClient, FileClientModule, FileServer, FileServerModule } from './nest-module.js';

const [, , root] = process.argv;
const quiet = { logger: false, abortOnError: false };

/** The class of an application, as the decorator `@Module` makes it. */
function application(...imports) {
  class App {}
  Module({ imports })(App);
  return App;
}

const serving = await NestFactory.createApplicationContext(
  application(FileServerModule.forRoot({ root })),
  quiet,
);
const server = serving.get(FileServer);
const { port } = server.listening;
const stored = firstValueFrom(server.stored$);

const sending = await NestFactory.createApplicationContext(
  application(FileClientModule.forRoot({ host: '127.0.0.1', port })),
  quiet,
);
const { uploads } = sending.get(FileClient);
await lastValueFrom(uploads.upload('a.txt', bytesContent(new TextEncoder().encode('hello'))));
const { filename, size } = await stored;
const { value } = await serving.get(FILE_STORE).stat('a.txt');
await sending.close();

await serving.close();
const afterClose = await serving.get(FILE_STORE).stat('a.txt');

const taken = createServer();
await new Promise((resolve) => taken.listen(0, '127.0.0.1', resolve));
const refused = await NestFactory.createApplicationContext(
  application(FileServerModule.forRoot({ root, port: taken.address().port })),
  quiet,
).catch((error) => error.code);
taken.close();

console.log(
  JSON.stringify({
    stored: { filename, size },
    inStore: value.size,
    listening: server.listening,
    afterClose: afterClose.error.code,
    refused,
  }),
);
