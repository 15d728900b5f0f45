/** `get`: streams a file, or a range of it. */
import { Observable } from 'rxjs';
import type { Ack } from '../files/protocol/reply.ts';
import { ANYTHING, check, checkOptions, type RulesFor, TEXT } from '../wire/argument.ts';
import { type ArrivingBody, createArrivingBody } from './arriving-body.ts';
import { ClientError } from './client-fault.ts';
import type { RequestPipeline } from './pipeline/request-pipeline.ts';

/** Which bytes of a file `Client.get` fetches. All may be left out. */
export interface GetSettings {
  /** Where to begin, in bytes, from 0; default 0. Beyond the end of the file the request is refused: `bad-range`. */
  readonly offset?: number;
  /** How many bytes, from 0; fewer arrive when the file ends before that. Default all. */
  readonly length?: number;
}

/** A file that is arriving. `Client.get` emits it once, when the first byte arrives. */
export interface Download extends ArrivingBody {
  /** The file's name. */
  readonly filename: string;
  /** Bytes of the whole file. */
  readonly size: number;
  /** When the file last changed, in milliseconds since 1970. */
  readonly mtime: number;
  /** CRC-32 of the whole file, where the server knows it. */
  readonly crc32?: number;
  /** Where `bytes$` begins in the file, in bytes. */
  readonly offset: number;
}

interface GetAck extends Ack, Pick<Download, 'filename' | 'size' | 'mtime' | 'crc32' | 'offset'> {}

/** Compared by hand, as the ack of a `put` is: with small files a pattern costs more than all else. */
const isGetAck = (ack: Ack): ack is GetAck =>
  ack.ack === 'get' &&
  typeof ack.filename === 'string' &&
  typeof ack.size === 'number' &&
  typeof ack.mtime === 'number' &&
  typeof ack.offset === 'number' &&
  typeof ack.body === 'number' &&
  (ack.crc32 === undefined || typeof ack.crc32 === 'number');

/** The server says what it does not take. */
const GET_RULES: RulesFor<GetSettings> = { offset: ANYTHING, length: ANYTHING };

export function get(
  pipeline: RequestPipeline,
  filename: string,
  settings: GetSettings = {},
): Observable<Download> {
  check('get: the filename', filename, TEXT);
  checkOptions('get', settings, GET_RULES);
  const { offset, length } = settings;
  const header: Record<string, unknown> = { cmd: 'get', filename };
  if (offset !== undefined) header.offset = offset;
  if (length !== undefined) header.length = length;
  return new Observable((subscriber) => {
    const body = createArrivingBody(pipeline);
    const cancel = pipeline.request({
      header: () => header,
      acked: (ack: Ack, _, arriving) => {
        if (!isGetAck(ack)) {
          const message = `the server's answer to a get of ${filename} is not an ack of one`;
          return { code: 'protocol', message };
        }
        const { size, mtime, offset, crc32 } = ack;
        const { length, bytes$, pause, resume } = body.arriving(arriving);
        // Two literals: to copy the fields of one into another takes longer than all else here.
        subscriber.next(
          crc32 === undefined
            ? { filename, size, mtime, offset, length, bytes$, pause, resume }
            : { filename, size, mtime, crc32, offset, length, bytes$, pause, resume },
        );
        body.begun();
        return null;
      },
      data: body.data,
      done: () => {
        body.ended();
        subscriber.complete();
      },
      failed: (fault) => {
        const error = new ClientError(fault);
        body.failed(error);
        subscriber.error(error);
      },
    });
    return () => {
      cancel();
      body.left();
    };
  });
}
