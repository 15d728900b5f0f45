/**
 * Sluice's environment variables: which there are, which are misspelt, and which other programs set.
 *
 * Kubernetes gives every pod a handful of variables for each service of its namespace, as Docker's links do. Those for
 * a service named `sluice` begin as ours do, and one of them has the name of a setting:
 *
 *   SLUICE_PORT=tcp://10.96.0.12:8080                          ignored, with a warning
 *   SLUICE_SERVICE_HOST, SLUICE_SERVICE_PORT[_HTTP]            ignored
 *   SLUICE_PORT_8080_TCP[_ADDR, _PORT, _PROTO], _UDP, _SCTP    ignored
 *   SLUICE_WEB_SERVICE_HOST, …, SLUICE_WEB_PORT=tcp://…        the same for a service named `sluice-web`
 */
import { nearest } from '../../base/nearest.ts';
import { settingNames, variableOf } from './table.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

/** The variable that names the file, as `--config` does. */
export const CONFIG_VARIABLE = variableOf('config');

/** The variables of the commands that talk to a server. */
export const CLIENT_VARIABLES: readonly string[] = [
  'SLUICE_SERVER',
  'SLUICE_TLS',
  'SLUICE_TLS_CA',
  'SLUICE_TLS_CERT',
  'SLUICE_TLS_KEY',
  'SLUICE_TLS_NAME',
  'SLUICE_TOKEN',
  'SLUICE_TOKEN_FILE',
];

const PREFIX = 'SLUICE_';
const SERVER_VARIABLES: readonly string[] = [...settingNames.map(variableOf), CONFIG_VARIABLE];
const KNOWN_VARIABLES: ReadonlySet<string> = new Set([...SERVER_VARIABLES, ...CLIENT_VARIABLES]);

const ofService =
  /^SLUICE_(\w+_)?(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT_\d+_(TCP|UDP|SCTP)(_(ADDR|PORT|PROTO))?)$/;
const portOfService = /^SLUICE_\w+_PORT$/;
const isUrl = (value: string): boolean => /^(tcp|udp|sctp):\/\//.test(value);

const setByOthers = (name: string, value: string): boolean =>
  ofService.test(name) || (portOfService.test(name) && isUrl(value));

/** Names that begin like ours and have a value, but are neither ours nor those of a service. */
const unknownVariables = (env: Environment): readonly string[] =>
  Object.entries(env).flatMap(([name, value]) =>
    name.startsWith(PREFIX) && value && !KNOWN_VARIABLES.has(name) && !setByOthers(name, value) ? [name] : [],
  );

/** The variable that a misspelt name is near to, if there is one. */
function meantBy(name: string, names: readonly string[]): string | undefined {
  const own = nearest(
    name.slice(PREFIX.length),
    names.map((each) => each.slice(PREFIX.length)),
  );
  return own === undefined ? undefined : `${PREFIX}${own}`;
}

export interface ReadEnvironment {
  /** The variables without those that other programs set. */
  readonly env: Environment;
  readonly problems: readonly string[];
  readonly warnings: readonly string[];
}

/**
 * Checks a server's variables. A misspelt one is an error, as a misspelt key of the file is: otherwise the server would
 * allow what the variable was meant to forbid. A name that is like none of ours gets a warning.
 */
export function readEnvironment(env: Environment): ReadEnvironment {
  const problems: string[] = [];
  const warnings: string[] = [];
  const port = variableOf('port');
  const isOfService = env[port]?.startsWith('tcp://') === true;
  if (isOfService) {
    warnings.push(
      `${port} is ignored: ${env[port]} is what Kubernetes sets for a service named sluice; ` +
        'set the port with --port or in the file, or enableServiceLinks: false in the pod',
    );
  }
  for (const name of unknownVariables(env)) {
    const meant = meantBy(name, SERVER_VARIABLES);
    if (meant === undefined) warnings.push(`${name} is not a setting, and is ignored`);
    else problems.push(`${name} is not a setting; did you mean ${meant}?`);
  }
  return { env: isOfService ? { ...env, [port]: undefined } : env, problems, warnings };
}

/** The remedy for a variable with a wrong value, where one is known; else an empty text. */
export function remedyFor(name: string, value: string): string {
  if (!portOfService.test(name) || !isUrl(value)) return '';
  const service = name.slice(0, -'_PORT'.length).toLowerCase().replaceAll('_', '-');
  return `: Kubernetes sets it for a service named ${service}; set enableServiceLinks: false in the pod, or rename the service`;
}

/** Explains the first misspelt variable of a command that talks to a server; null when none is misspelt. */
export function explainMisspeltVariable(env: Environment): string | null {
  for (const name of unknownVariables(env)) {
    const meant = meantBy(name, CLIENT_VARIABLES);
    if (meant !== undefined) return `${name} is not a variable of sluice; did you mean ${meant}?`;
  }
  return null;
}
