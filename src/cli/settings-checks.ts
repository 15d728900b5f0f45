/** What settings must not be together, and what about them an operator should be warned of. */
import { readFileSync } from 'node:fs';
import { isAbsolute, relative, sep } from 'node:path';
import type { Configuration } from './settings.ts';

/** A line for each contradiction between settings. */
export function contradictions({ settings, called, calledBeside }: Configuration): readonly string[] {
  const { tlsCert, tlsKey, tlsClientCa, tlsClientCerts, port, unix, host, metricsPort, metricsHost } =
    settings;
  const { dir, record } = settings;
  const problems: string[] = [];
  if (tlsCert !== null && tlsKey === null) {
    problems.push(`${called('tlsCert')} needs ${calledBeside('tlsKey', 'tlsCert')} as well`);
  }
  if (tlsKey !== null && tlsCert === null) {
    problems.push(`${called('tlsKey')} needs ${calledBeside('tlsCert', 'tlsKey')} as well`);
  }
  if (tlsClientCerts !== 'none' && tlsClientCa === null) {
    const ca = calledBeside('tlsClientCa', 'tlsClientCerts');
    problems.push(`${called('tlsClientCerts')} ${tlsClientCerts} needs ${ca}: who issues the certificates`);
  }
  if (tlsClientCa !== null && tlsClientCerts === 'none') {
    const certs = calledBeside('tlsClientCerts', 'tlsClientCa');
    problems.push(`${called('tlsClientCa')} needs ${certs} to be optional or required: it is none`);
  }
  if (tlsClientCa !== null && tlsCert === null) {
    problems.push(`${called('tlsClientCa')} needs ${calledBeside('tlsCert', 'tlsClientCa')} as well`);
  }
  if (port === null && unix === null) {
    problems.push(`${called('port')} none needs ${calledBeside('unix', 'port')}: it would listen nowhere`);
  }
  if (port === null && tlsCert !== null) {
    problems.push(`${called('tlsCert')} needs a port: a Unix socket is not encrypted`);
  }
  if (metricsPort !== null && metricsPort !== 0 && metricsPort === port && metricsHost === host) {
    problems.push(`${called('metricsPort')} must be another port than ${called('port')}: both are ${port}`);
  }
  if (record !== null && isWithin(dir, record)) {
    problems.push(`${called('record')} must not be in ${dir}: what is recorded would be served`);
  }
  return problems;
}

/** Whether a path is that of a folder, or in it. Both are absolute. */
export function isWithin(folder: string, path: string): boolean {
  const way = relative(folder, path);
  return way !== '..' && !way.startsWith(`..${sep}`) && !isAbsolute(way);
}

/** What a server needs descriptors for besides connections and the files of running requests. */
const otherDescriptors = 128;

/**
 * What is allowed, but hardly meant.
 *
 * @param openFiles how many descriptors the process may have; `Infinity` when that is not known.
 */
export function warnings({ settings, called }: Configuration, openFiles: number): readonly string[] {
  const { host, port, access, tlsCert, tlsClientCerts, maxConnections } = settings;
  const told: string[] = [];
  if (port !== null && !isLoopback(host)) {
    if (access === null && tlsClientCerts !== 'required') {
      told.push(
        `${called('host')} ${host} lets everybody who can reach it read, write and delete: ` +
          'set access, or tlsClientCerts required',
      );
    } else if (tlsCert === null) {
      told.push(`${called('host')} ${host} without tlsCert: tokens and files cross the network readably`);
    }
  }
  if (maxConnections !== Number.POSITIVE_INFINITY && maxConnections + otherDescriptors > openFiles) {
    told.push(
      `${called('maxConnections')} ${maxConnections} is more than the ${openFiles} open files ` +
        'that the process may have allow: raise that limit (ulimit -n, LimitNOFILE), or lower maxConnections',
    );
  }
  return told;
}

const isLoopback = (host: string): boolean =>
  /^(localhost|127\.\d+\.\d+\.\d+|::1|::ffff:127\.\d+\.\d+\.\d+)$/i.test(host);

/** The soft limit of open files of this process, where the system tells it. */
export function openFileLimit(): number {
  try {
    const limits = readFileSync('/proc/self/limits', 'utf8');
    const soft = /^Max open files\s+(\d+)/m.exec(limits)?.[1];
    return soft === undefined ? Number.POSITIVE_INFINITY : Number(soft);
  } catch {
    return Number.POSITIVE_INFINITY;
  }
}
