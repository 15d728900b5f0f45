/**
 * The settings of `sluice serve`: one table, from which the flags, the environment variables, the keys of the JSON
 * file, the help, `--print-config` and the table of `src/server/README.md` are made.
 *
 * A setting is added by a line here, and by using it.
 */
import { defaultLimits } from '../../server/limits.ts';
import { isSchemaName } from '../../store/s3/schema/schema-name.ts';
import { uploadLimits } from '../../store/upload-limits.ts';
import { isHttpUrl, isPlace, isPostgresUrl, withoutPassword } from './engine-urls.ts';
import { addresses, areNatsUrls, command, isSubject, NATS_URLS } from './event-settings.ts';
import {
  choice,
  DAY_MS,
  HOUR_MS,
  host,
  type Kind,
  mode,
  orAuto,
  orOff,
  orUnbounded,
  orUnset,
  path,
  place,
  secretText,
  size,
  text,
  time,
  whole,
  yesNo,
} from './setting-types.ts';

/** The groups of the help. In the JSON file, settings of a group with a section are in an object of that name. */
export const groups = {
  files: { title: 'Files', section: null },
  engines: { title: 'Many nodes, instead of a folder', section: null },
  listening: { title: 'Listening', section: null },
  access: { title: 'Encryption and access', section: null },
  page: { title: 'A page for browsers', section: null },
  events: { title: 'Events of files, for others', section: null },
  accept: { title: 'Who decides about new files', section: null },
  limits: { title: 'Limits', section: 'limits' },
  deadlines: { title: 'Deadlines', section: 'limits' },
  operation: { title: 'Operation', section: null },
} as const;

export interface Setting<T> {
  readonly group: keyof typeof groups;
  readonly kind: Kind<T>;
  readonly default: T;
  readonly help: string;
}

const setting = <T>(
  group: keyof typeof groups,
  kind: Kind<T>,
  fallback: NoInfer<T>,
  help: string,
): Setting<T> => ({ group, kind, default: fallback, help });

const MiB = 1024 ** 2;
const TiB = 1024 ** 4;
/** Quotas and files: more than any disk, and far from where numbers stop being exact. */
const BYTES_MAX = 4096 * TiB;
/** The system's timers go no further than 2^31 ms. */
const TIME_MAX_MS = 24 * DAY_MS;
/** Far more than there are cores; the memory budget is divided between them. */
export const WORKERS_MAX = 256;
const { timeouts } = defaultLimits;
const uploads = uploadLimits({});

const port = whole(0, 65_535, 'PORT');
const count = whole(1, 1_000_000);
const rate = orUnbounded(whole(1, 1_000_000_000));
const volume = orUnbounded(size(1, BYTES_MAX));
const deadline = orUnbounded(time(1, TIME_MAX_MS));
const unset = null;

/** Names, perhaps with the port that browsers see. */
const isHosts = (value: string): boolean =>
  value.split(',').every((each) => /^[\w-]+(\.[\w-]+)*\.?(:\d{1,5})?$/.test(each.trim()));

/** In the order of the help. */
export const settingTable = {
  dir: setting('files', path('DIR'), 'uploads', 'the folder to receive into; made if it is missing'),
  durability: setting(
    'files',
    choice('HOW', 'fsync', 'os'),
    'fsync',
    'acknowledge what is on the disk (fsync), or what the system has (os)',
  ),
  keepPartial: setting(
    'files',
    orUnbounded(time(0, 3650 * DAY_MS)),
    uploads.keepPartial,
    'how long what arrived of an interrupted upload is kept',
  ),
  checksums: setting(
    'files',
    choice('WHERE', 'memory', 'disk'),
    'memory',
    'where the checksums of stored files are kept: memory, or disk as well (.sluice/sums)',
  ),

  store: setting(
    'engines',
    orUnset(text('s3://BUCKET[/PREFIX]', 's3://BUCKET or s3://BUCKET/PREFIX', isPlace)),
    unset,
    'keep files in this bucket, and their names in --postgres, for any number of nodes',
  ),
  postgres: setting(
    'engines',
    orUnset(secretText('URL', 'postgresql://USER@HOST/DATABASE', isPostgresUrl, withoutPassword)),
    unset,
    'the database of the names; its password from PGPASSWORD, PGPASSFILE or SLUICE_POSTGRES',
  ),
  postgresSchema: setting(
    'engines',
    text('NAME', 'a name of small letters, digits and _', isSchemaName),
    'sluice',
    'the schema of its tables, made if it is missing; one for each bucket',
  ),
  postgresConnections: setting('engines', whole(1, 1000), 16, 'connections to the database'),
  s3Endpoint: setting(
    'engines',
    orUnset(text('URL', 'http://HOST:PORT or https://HOST', isHttpUrl)),
    unset,
    'the address of the S3 store; by default that of AWS in the region',
  ),
  s3Region: setting(
    'engines',
    text('REGION', 'the name of a region', (value) => /^[\w-]+$/.test(value)),
    'us-east-1',
    'the region that requests are signed for',
  ),
  s3Credentials: setting(
    'engines',
    orUnset(path('FILE')),
    unset,
    'the keys, as in ~/.aws/credentials; by default from AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY',
  ),
  storeDurable: setting(
    'engines',
    choice('WORD', 'yes', 'no'),
    'no',
    'whether bucket and database keep what they acknowledge through a power cut: your word for it',
  ),
  storeMemory: setting('engines', size(MiB, TiB), 256 * MiB, 'memory for bytes on their way to the bucket'),

  host: setting('listening', host, '127.0.0.1', 'the address to listen on; 0.0.0.0 or :: for all'),
  port: setting('listening', orOff(port), 8080, 'the port; 0 picks a free one, none is for --unix alone'),
  unix: setting('listening', orUnset(path('PATH')), unset, 'a Unix socket to listen on as well'),
  unixMode: setting('listening', mode, 0o600, 'who may connect to the Unix socket, as in chmod'),

  tlsCert: setting('access', orUnset(path('FILE')), unset, 'the certificate chain (PEM); with it, TLS only'),
  tlsKey: setting('access', orUnset(path('FILE')), unset, "the certificate's private key (PEM)"),
  tlsClientCa: setting(
    'access',
    orUnset(path('FILE')),
    unset,
    'the authorities that clients may have certificates from (PEM)',
  ),
  tlsClientCerts: setting(
    'access',
    choice('HOW', 'none', 'optional', 'required'),
    'none',
    'whether clients show a certificate: none, optional or required',
  ),
  access: setting('access', orUnset(path('FILE')), unset, 'the tokens and what each may do (JSON)'),

  web: setting(
    'page',
    orOff(place({ host: '127.0.0.1', port: 8081 })),
    null,
    'serve a page to upload, browse, watch and inspect with, over TLS where tlsCert is set',
  ),
  webHost: setting(
    'page',
    orUnset(text('NAME[,NAME]', 'names of hosts, with commas between them', isHosts)),
    unset,
    'the names under which browsers reach the page, besides its addresses',
  ),
  webPlain: setting(
    'page',
    yesNo,
    'no',
    'speak plain HTTP beyond this machine too: for a proxy in front that ends TLS',
  ),

  eventsWebhook: setting(
    'events',
    orUnset(text('URL', 'http://HOST or https://HOST, without a password', isHttpUrl)),
    unset,
    'post what happens to each file there, as CloudEvents, until it is taken',
  ),
  eventsSecretFile: setting(
    'events',
    orUnset(path('FILE')),
    unset,
    'the secrets that sign it as Standard Webhooks says: whsec_…, one a line',
  ),
  eventsAddresses: setting(
    'events',
    orUnset(addresses),
    unset,
    'the networks in which the webhook may be, and those in which it may not, with a !',
  ),
  eventsCommand: setting(
    'events',
    orUnset(command),
    unset,
    'run this for what happens to each file, with the event on its standard input, until it exits 0',
  ),
  eventsNats: setting(
    'events',
    orUnset(text('URLS', NATS_URLS, areNatsUrls)),
    unset,
    'publish what happens to each file there, until a stream of JetStream has acknowledged it',
  ),
  eventsNatsSubject: setting(
    'events',
    text('SUBJECT', 'a subject of NATS without wildcards, such as sluice.files', isSubject),
    'sluice.files',
    'the subject to publish it to',
  ),
  eventsNatsCredentials: setting(
    'events',
    orUnset(path('FILE')),
    unset,
    'the credentials for NATS; by default NATS_TOKEN, or NATS_USER and NATS_PASSWORD, of the environment',
  ),
  eventsTimeout: setting(
    'events',
    time(1, HOUR_MS),
    30_000,
    'how long a webhook or NATS may take to answer, and a command to end',
  ),
  eventsBytes: setting('events', size(MiB, TiB), 64 * MiB, 'events that are kept until they are delivered'),
  eventsWhenFull: setting(
    'events',
    choice('HOW', 'refuse', 'drop'),
    'refuse',
    'when no more can be kept, refuse changes of files, or drop their events',
  ),

  acceptCommand: setting(
    'accept',
    orUnset(command),
    unset,
    'run this for each new file before it is stored: 0 stores it, 1 refuses it; {} is its path',
  ),
  acceptWebhook: setting(
    'accept',
    orUnset(text('URL', 'http://HOST or https://HOST, without a password', isHttpUrl)),
    unset,
    'ask there about each new file before it is stored',
  ),
  acceptSecretFile: setting(
    'accept',
    orUnset(path('FILE')),
    unset,
    'the secrets that sign what it is asked: whsec_…, one a line',
  ),
  acceptTimeout: setting(
    'accept',
    time(1, HOUR_MS),
    20_000,
    'how long a file waits for the answer, for its turn too',
  ),
  acceptAtOnce: setting('accept', whole(1, 1024), 8, 'files that are asked about at once'),
  acceptUnanswered: setting(
    'accept',
    choice('HOW', 'refuse', 'store'),
    'refuse',
    'what becomes of a file without an answer: refuse it for now, or store it',
  ),

  maxConnections: setting(
    'limits',
    orUnbounded(count),
    defaultLimits.connections,
    'connections at once; by default fewer where few files may be open',
  ),
  maxConnectionsPerAddress: setting(
    'limits',
    orUnbounded(count),
    defaultLimits.connectionsPerAddress,
    'the same from one address',
  ),
  maxOpenRequests: setting(
    'limits',
    whole(1, 65_536),
    defaultLimits.openRequests,
    'unanswered requests of a connection',
  ),
  maxHeader: setting('limits', size(256, MiB), defaultLimits.headerBytes, "a request's header"),
  maxFile: setting('limits', volume, defaultLimits.fileBytes, 'one file'),
  maxUploads: setting('limits', orUnbounded(count), uploads.maxUploads, 'interrupted uploads that are kept'),
  quota: setting('limits', volume, Number.POSITIVE_INFINITY, 'all files together'),
  maxRequestsPerSecond: setting(
    'limits',
    rate,
    defaultLimits.requestsPerSecond,
    'requests begun in a second; beyond it reading slows down',
  ),
  maxBytesPerSecond: setting(
    'limits',
    volume,
    defaultLimits.bytesPerSecond,
    'bytes received in a second; beyond it reading slows down',
  ),
  memoryBudget: setting(
    'limits',
    size(MiB, TiB),
    defaultLimits.budget.high,
    'what is held for peers, received and not stored or read and not sent, over all connections',
  ),

  firstByteTimeout: setting('deadlines', deadline, timeouts.firstBytes, 'for the first byte of a connection'),
  headerTimeout: setting('deadlines', deadline, timeouts.header, 'for a header, from its first byte on'),
  bodyTimeout: setting('deadlines', deadline, timeouts.body, 'for the next --body-minimum bytes of a body'),
  bodyMinimum: setting(
    'deadlines',
    size(1, 1024 * MiB),
    timeouts.bodyBytes,
    'what must arrive of a body in --body-timeout',
  ),
  idleTimeout: setting('deadlines', deadline, timeouts.idle, 'for the next request'),
  unreadTimeout: setting('deadlines', deadline, timeouts.unread, 'for the peer to take some of a reply'),

  workers: setting(
    'operation',
    orAuto(whole(1, WORKERS_MAX)),
    1,
    'processes that serve one port, with the limits of one; auto is one for each core',
  ),
  grace: setting(
    'operation',
    time(0, DAY_MS),
    defaultLimits.grace,
    'how long running requests may take to finish at the end',
  ),
  logLevel: setting(
    'operation',
    choice('LEVEL', 'error', 'warn', 'info', 'debug'),
    'info',
    'the least that is logged: error, warn, info or debug',
  ),
  metricsPort: setting(
    'operation',
    orOff(port),
    null,
    'the port of /metrics (Prometheus) and /healthz; 0 picks a free one',
  ),
  metricsHost: setting('operation', host, '127.0.0.1', 'the address of those'),
  record: setting(
    'operation',
    orUnset(path('DIR')),
    unset,
    'a folder to record every connection into, as a pcapng file each; without tokens, but with files',
  ),
  recordMaxSize: setting(
    'operation',
    orUnbounded(size(64 * 1024, BYTES_MAX)),
    64 * MiB,
    'one recording; what comes then of its connection is not recorded',
  ),
  recordMaxFiles: setting(
    'operation',
    whole(1, 1_000_000),
    1000,
    'recordings that are kept; the oldest is removed for a new one',
  ),
} as const;

export type SettingName = keyof typeof settingTable;

/** All settings, each with its value. Sizes are bytes, times milliseconds, `Infinity` is no bound, null is not set. */
export type Settings = {
  readonly [Name in SettingName]: (typeof settingTable)[Name] extends Setting<infer T> ? T : never;
};

export const settingNames = Object.keys(settingTable) as readonly SettingName[];

/** A setting without its type, for loops over all settings. */
export const settingOf = (name: SettingName): Setting<unknown> => settingTable[name] as Setting<unknown>;

const dashed = (name: string) => name.replace(/[A-Z]/g, (capital) => `-${capital.toLowerCase()}`);

/** @example flagOf('maxFile') // '--max-file' */
export const flagOf = (name: SettingName): string => (name === 'dir' ? 'DIR' : `--${dashed(name)}`);

/** @example variableOf('maxFile') // 'SLUICE_MAX_FILE' */
export const variableOf = (name: string): string =>
  `SLUICE_${dashed(name).toUpperCase().replaceAll('-', '_')}`;

/** @example keyOf('maxFile') // 'limits.maxFile' */
export function keyOf(name: SettingName): string {
  const { section } = groups[settingTable[name].group];
  return section === null ? name : `${section}.${name}`;
}
