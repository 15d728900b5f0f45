/**
 * Sluice in a Nest application: a server of files that starts and ends with it, and uploads to another server.
 *
 *     @Module({ imports: [FileServerModule.forRoot({ root: 'uploads', port: 8080 })] })
 *     export class AppModule {}
 *
 *     app.enableShutdownHooks();
 */
import {
  type DynamicModule,
  Logger,
  Module,
  type OnApplicationBootstrap,
  type OnApplicationShutdown,
} from '@nestjs/common';
import { filter, type Observable, Subject } from 'rxjs';
import { createUploads, type Uploads } from 'sluice/client';
import { connectTcp } from 'sluice/node';
import {
  type FileStore,
  type Listening,
  openDiskStore,
  type RunningServer,
  type ServerEvent,
  startServer,
} from 'sluice/server';

export interface FileServerOptions {
  /** The folder of the files. */
  readonly root: string;
  readonly host?: string;
  /** Default any free one: `FileServer.listening` says which. */
  readonly port?: number;
}

type StoredEvent = Extract<ServerEvent, { type: 'stored' }>;

/** Inject it to know what arrives, and `FILE_STORE` to read, list and write the same files. */
export class FileServer implements OnApplicationBootstrap, OnApplicationShutdown {
  /** Each file that was stored, also for who subscribes before the server listens. */
  readonly stored$: Observable<StoredEvent>;
  readonly #events$ = new Subject<ServerEvent>();
  readonly #logger = new Logger(FileServer.name);
  readonly #store: FileStore;
  readonly #options: FileServerOptions;
  #server: RunningServer | undefined;

  constructor(store: FileStore, options: FileServerOptions) {
    this.#store = store;
    this.#options = options;
    this.stored$ = this.#events$.pipe(filter((event) => event.type === 'stored'));
  }

  /** Where it listens; null before, and after its end. */
  get listening(): Listening | null {
    return this.#server?.phase === 'listening' ? this.#server.listening : null;
  }

  /** When the port is taken this rejects, and the application does not start. */
  async onApplicationBootstrap(): Promise<void> {
    const { host = '127.0.0.1', port = 0 } = this.#options;
    this.#server = startServer({ host, port, store: this.#store });
    this.#server.events$.subscribe(this.#events$);
    const listening = await this.#server.ready;
    this.#logger.log(`listening on ${host}:${listening.port}`);
  }

  /** Requests that run are finished first; then nothing uses the store any more. */
  async onApplicationShutdown(): Promise<void> {
    await this.#server?.close({ grace: 5_000 });
    await this.#store.close();
  }
}

/** The token of the store: `constructor(@Inject(FILE_STORE) private readonly files: FileStore) {}`. */
export const FILE_STORE = Symbol('FILE_STORE');

@Module({})
export class FileServerModule {
  static forRoot(options: FileServerOptions): DynamicModule {
    return {
      module: FileServerModule,
      providers: [
        { provide: FILE_STORE, useFactory: () => openStore(options.root) },
        {
          provide: FileServer,
          useFactory: (store: FileStore) => new FileServer(store, options),
          inject: [FILE_STORE],
        },
      ],
      exports: [FILE_STORE, FileServer],
    };
  }
}

async function openStore(root: string): Promise<FileStore> {
  const opened = await openDiskStore(root);
  if (!opened.ok) throw new Error(opened.error.message);
  return opened.value;
}

/** Inject it to send files to another server: `files.uploads.upload('a.txt', content)`. */
export class FileClient implements OnApplicationShutdown {
  readonly uploads: Uploads;

  constructor(host: string, port: number) {
    this.uploads = createUploads({ connect: () => connectTcp({ host, port }), retries: 5 });
  }

  onApplicationShutdown(): void {
    this.uploads.destroy();
  }
}

@Module({})
export class FileClientModule {
  static forRoot({ host, port }: { readonly host: string; readonly port: number }): DynamicModule {
    return {
      module: FileClientModule,
      providers: [{ provide: FileClient, useFactory: () => new FileClient(host, port) }],
      exports: [FileClient],
    };
  }
}
