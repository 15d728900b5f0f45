/** Checks settings against each other: contradictions, and combinations that an operator should be warned of. */
import { isAbsolute, relative, sep } from 'node:path';
import { PATH_ARGUMENT } from '../../server/accept/path-argument.ts';
import { budgetMin, descriptorsFor } from '../../server/limits.ts';
import type { Configuration } from './configuration.ts';
import { hasPassword } from './engine-urls.ts';
import { descriptorsOfPage, handshakesOf, isSecurePage, workersOf } from './limits.ts';
import { OF_ENGINES, OF_FOLDER } from './store-settings.ts';
import { settingTable } from './table.ts';

/** Answers a line for each contradiction between settings. */
export function contradictions(configuration: Configuration): readonly string[] {
  const { settings, called, calledBeside } = configuration;
  const { tlsCert, tlsKey, tlsClientCa, tlsClientCerts, port, unix, host, metricsPort, metricsHost } =
    settings;
  const { dir, record, memoryBudget, maxHeader } = settings;
  const faults: string[] = [];
  if (tlsCert !== null && tlsKey === null) {
    faults.push(`${called('tlsCert')} needs ${calledBeside('tlsKey', 'tlsCert')} as well`);
  }
  if (tlsKey !== null && tlsCert === null) {
    faults.push(`${called('tlsKey')} needs ${calledBeside('tlsCert', 'tlsKey')} as well`);
  }
  if (tlsClientCerts !== 'none' && tlsClientCa === null) {
    const ca = calledBeside('tlsClientCa', 'tlsClientCerts');
    faults.push(`${called('tlsClientCerts')} ${tlsClientCerts} needs ${ca}: who issues the certificates`);
  }
  if (tlsClientCa !== null && tlsClientCerts === 'none') {
    const certs = calledBeside('tlsClientCerts', 'tlsClientCa');
    faults.push(`${called('tlsClientCa')} needs ${certs} to be optional or required: it is none`);
  }
  if (tlsClientCa !== null && tlsCert === null) {
    faults.push(`${called('tlsClientCa')} needs ${calledBeside('tlsCert', 'tlsClientCa')} as well`);
  }
  if (port === null && unix === null && settings.web === null) {
    faults.push(`${called('port')} none needs ${calledBeside('unix', 'port')}: it would listen nowhere`);
  }
  if (port === null && tlsCert !== null && !isSecurePage(settings)) {
    faults.push(`${called('tlsCert')} needs a port: a Unix socket is not encrypted`);
  }
  if (metricsPort !== null && metricsPort !== 0 && metricsPort === port && metricsHost === host) {
    faults.push(`${called('metricsPort')} must be another port than ${called('port')}: both are ${port}`);
  }
  faults.push(...pageContradictions(configuration));
  const workers = workersOf(settings);
  const budgetLeast = budgetMin(maxHeader) * workers;
  if (memoryBudget < budgetLeast) {
    const header = calledBeside('maxHeader', 'memoryBudget');
    const each = workers === 1 ? '' : ` and ${called('workers')} ${workers}, each with its share`;
    faults.push(
      `${called('memoryBudget')} must be at least ${budgetLeast} bytes with ${header} ${maxHeader}${each}: ` +
        'room for one header as it arrives and once it is parsed, and what each connection may hold',
    );
  }
  faults.push(
    ...engineContradictions(configuration),
    ...eventContradictions(configuration),
    ...acceptContradictions(configuration),
  );
  if (settings.store === null && record !== null && isWithin(dir, record)) {
    faults.push(`${called('record')} must not be in ${dir}: what is recorded would be served`);
  }
  return faults;
}

/** The page is reached by browsers, which send the token with each request. */
function pageContradictions({ settings, called, calledBeside }: Configuration): readonly string[] {
  const { web, webHost, webPlain, tlsCert, tlsClientCerts, access } = settings;
  const { port, host, metricsPort, metricsHost } = settings;
  const faults: string[] = [];
  if (web === null) {
    if (webHost !== null) faults.push(`${called('webHost')} needs ${calledBeside('web', 'webHost')} as well`);
    if (webPlain === 'yes')
      faults.push(`${called('webPlain')} needs ${calledBeside('web', 'webPlain')} as well`);
    return faults;
  }
  const shown = settingTable.web.kind.show(web);
  if (!isLoopback(web.host) && tlsCert === null && webPlain === 'no') {
    const [cert, plain] = [calledBeside('tlsCert', 'web'), calledBeside('webPlain', 'web')];
    faults.push(
      `${called('web')} ${shown} is reached from other machines, and needs ${cert}: tokens and files would cross ` +
        `the network readably; or ${plain}, where a proxy in front of it speaks TLS`,
    );
  }
  if (webPlain === 'yes' && tlsClientCerts === 'required' && access === null) {
    faults.push(
      `${called('webPlain')} lets in whoever reaches the page, and ${called('tlsClientCerts')} is required: ` +
        `it needs ${calledBeside('access', 'webPlain')}`,
    );
  }
  const taken = { port: [host, port], metricsPort: [metricsHost, metricsPort] } as const;
  for (const [name, [otherHost, otherPort]] of Object.entries(taken)) {
    if (web.port !== 0 && web.port === otherPort && web.host === otherHost) {
      const other = called(name as keyof typeof taken);
      faults.push(`${called('web')} must have another port than ${other}: both are ${web.port}`);
    }
  }
  return faults;
}

/** Settings of a folder and of engines exclude each other, and engines need each other. */
function engineContradictions({
  settings,
  called,
  calledBeside,
  isDefault,
}: Configuration): readonly string[] {
  const { store, postgres } = settings;
  const faults: string[] = [];
  if (store === null) {
    for (const name of OF_ENGINES) {
      if (!isDefault(name)) faults.push(`${called(name)} needs ${calledBeside('store', name)} as well`);
    }
    return faults;
  }
  if (postgres === null) faults.push(`${called('store')} needs ${calledBeside('postgres', 'store')} as well`);
  for (const name of OF_FOLDER) {
    if (!isDefault(name))
      faults.push(`${called(name)} is for a folder, and ${calledBeside('store', name)} is set`);
  }
  if (postgres !== null && called('postgres') === '--postgres' && hasPassword(postgres)) {
    faults.push(
      '--postgres must be without a password, which everybody could see in the list of processes: ' +
        'set PGPASSWORD, PGPASSFILE or SLUICE_POSTGRES',
    );
  }
  return faults;
}

/** What is said of a webhook needs one, as what is said of NATS does. */
function eventContradictions({ settings, called, calledBeside }: Configuration): readonly string[] {
  const faults: string[] = [];
  for (const name of ['eventsSecretFile', 'eventsAddresses'] as const) {
    if (settings[name] === null || settings.eventsWebhook !== null) continue;
    faults.push(`${called(name)} needs ${calledBeside('eventsWebhook', name)} as well`);
  }
  for (const name of ['eventsNatsSubject', 'eventsNatsCredentials'] as const) {
    if (settings[name] === settingTable[name].default || settings.eventsNats !== null) continue;
    faults.push(`${called(name)} needs ${calledBeside('eventsNats', name)} as well`);
  }
  return faults;
}

/** One decides, and who is not asked is told no secrets. */
function acceptContradictions({ settings, called, calledBeside }: Configuration): readonly string[] {
  const { acceptCommand, acceptWebhook, acceptSecretFile, store } = settings;
  const faults: string[] = [];
  if (acceptCommand !== null && acceptWebhook !== null)
    faults.push(
      `${called('acceptCommand')} and ${calledBeside('acceptWebhook', 'acceptCommand')}: one decides`,
    );
  if (acceptSecretFile !== null && acceptWebhook === null)
    faults.push(
      `${called('acceptSecretFile')} needs ${calledBeside('acceptWebhook', 'acceptSecretFile')} as well`,
    );
  if (store !== null && acceptCommand?.includes(PATH_ARGUMENT) === true)
    faults.push(
      `${called('acceptCommand')} has ${PATH_ARGUMENT}, which is a path, and of ${calledBeside('store', 'acceptCommand')} no file has one`,
    );
  return faults;
}

/** Whether a path is a folder itself, or lies in it. Both are absolute. */
export function isWithin(folder: string, path: string): boolean {
  const way = relative(folder, path);
  return way !== '..' && !way.startsWith(`..${sep}`) && !isAbsolute(way);
}

/**
 * Answers a line for each combination that is allowed but probably not intended.
 *
 * @param openFiles the process's limit of descriptors; `Infinity` when it is not known.
 */
export function warnings(
  { settings, called, isDefault }: Configuration,
  openFiles: number,
): readonly string[] {
  const { host, port, web, access, tlsCert, tlsClientCerts, maxConnections } = settings;
  const warnings: string[] = [];
  if (web !== null && !isLoopback(web.host) && access === null && tlsClientCerts !== 'required') {
    warnings.push(
      `${called('web')} lets everybody who can reach the page read, write and delete: ` +
        'set access, or tlsClientCerts required',
    );
  }
  if (port !== null && !isLoopback(host)) {
    if (access === null && tlsClientCerts !== 'required') {
      warnings.push(
        `${called('host')} ${host} lets everybody who can reach it read, write and delete: ` +
          'set access, or tlsClientCerts required',
      );
    } else if (tlsCert === null) {
      warnings.push(`${called('host')} ${host} without tlsCert: tokens and files cross the network readably`);
    }
  }
  const isGiven = Number.isFinite(maxConnections) && !isDefault('maxConnections');
  const needed =
    descriptorsFor(Math.ceil(maxConnections / workersOf(settings))) +
    handshakesOf(settings, openFiles) +
    descriptorsOfPage(settings, openFiles);
  if (isGiven && needed > openFiles) {
    warnings.push(
      `${called('maxConnections')} ${maxConnections} is more than the ${openFiles} open files ` +
        `that the process may have allow, since each may need three: raise that limit to ` +
        `${needed} (ulimit -n, LimitNOFILE), or lower maxConnections`,
    );
  }
  return warnings;
}

const isLoopback = (host: string): boolean =>
  /^(localhost|127\.\d+\.\d+\.\d+|::1|::ffff:127\.\d+\.\d+\.\d+)$/i.test(host);
