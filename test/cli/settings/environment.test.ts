/** The environment's variables: which are ours, which somebody has misspelt, and which Kubernetes sets. */
import { fc, test as prop } from '@fast-check/vitest';
import { Command } from 'commander';
import { describe, expect, test } from 'vitest';
import {
  CLIENT_VARIABLES,
  type Environment,
  explainMisspeltVariable,
  readEnvironment,
} from '../../../src/cli/settings/environment.ts';
import { readSettings } from '../../../src/cli/settings/settings.ts';
import { settingNames, variableOf } from '../../../src/cli/settings/table.ts';
import { addServerOption } from '../../../src/cli/shared/server-option.ts';

const read = (env: Environment) => readSettings({ flags: {}, env, cwd: '/' });
/** What came of a setting, with what is to be told. */
function taken(env: Environment) {
  const got = read(env);
  if (!got.ok) throw new Error(got.problems.join('\n'));
  return { port: got.value.settings.port, warnings: got.value.warnings };
}
const problemsOf = (env: Environment): readonly string[] => {
  const got = read(env);
  return got.ok ? [] : got.problems;
};

/** What a pod gets for a service, as the kubelet makes it. */
const service = (name: string, host: string, ports: readonly (readonly [number, string, string?])[]) => {
  const [[first, firstProtocol]] = ports as [readonly [number, string]];
  const prefix = name.toUpperCase().replaceAll('-', '_');
  const env: Record<string, string> = {
    [`${prefix}_SERVICE_HOST`]: host,
    [`${prefix}_SERVICE_PORT`]: String(first),
    [`${prefix}_PORT`]: `${firstProtocol.toLowerCase()}://${host}:${first}`,
  };
  for (const [port, protocol, named] of ports) {
    if (named !== undefined)
      env[`${prefix}_SERVICE_PORT_${named.toUpperCase().replaceAll('-', '_')}`] = String(port);
    const own = `${prefix}_PORT_${port}_${protocol}`;
    env[own] = `${protocol.toLowerCase()}://${host}:${port}`;
    env[`${own}_PROTO`] = protocol.toLowerCase();
    env[`${own}_PORT`] = String(port);
    env[`${own}_ADDR`] = host;
  }
  return env;
};

describe('a Kubernetes service named sluice', () => {
  test('a Kubernetes service named sluice costs nothing but the variable that has the name of a setting, which is ignored with a warning', () => {
    const env = service('sluice', '10.96.0.12', [
      [8080, 'TCP', 'http'],
      [9464, 'TCP', 'my-metrics'],
      [53, 'UDP', 'dns'],
      [36412, 'SCTP'],
    ]);
    expect(taken(env)).toEqual({
      port: 8080,
      warnings: [
        'SLUICE_PORT is ignored: tcp://10.96.0.12:8080 is what Kubernetes sets for a service named sluice; ' +
          'set the port with --port or in the file, or enableServiceLinks: false in the pod',
      ],
    });
  });

  test('a Kubernetes service named sluice leaves the port to the flag', () => {
    const got = readSettings({
      flags: { port: '81' },
      env: { SLUICE_PORT: 'tcp://[fd00::1]:8080' },
      cwd: '/',
    });
    expect(got).toMatchObject({
      ok: true,
      value: { settings: { port: 81 }, warnings: [expect.any(String)] },
    });
  });

  test.each(['tcp', 'tcp:/10.96.0.12:8080', 'http://10.96.0.12:8080', ' tcp://10.96.0.12:8080', 'TCP://a:1'])(
    'a Kubernetes service named sluice excuses no other port that is none: %s',
    (port) => {
      expect(problemsOf({ SLUICE_PORT: port })).toEqual([
        `SLUICE_PORT must be a whole number from 0 to 65535, or none, not ${JSON.stringify(port)}`,
      ]);
    },
  );

  prop.prop([
    fc.constantFrom('sluice-web', 'sluice-server', 'sluice-metrics-2', 'sluice-port'),
    fc.array(fc.tuple(fc.integer({ min: 1, max: 65_535 }), fc.constantFrom('TCP', 'UDP', 'SCTP')), {
      minLength: 1,
      maxLength: 3,
    }),
  ])(
    'the variables of a Kubernetes service whose name begins with sluice are passed over in silence',
    (name, ports) => {
      expect(taken(service(name, '10.96.0.13', ports))).toEqual({ port: 8080, warnings: [] });
    },
  );

  test('a variable of a Kubernetes service that has the name of another port says what to do', () => {
    expect(problemsOf(service('sluice-metrics', '10.96.0.14', [[9464, 'TCP']]))).toEqual([
      'SLUICE_METRICS_PORT must be a whole number from 0 to 65535, or none, not "tcp://10.96.0.14:9464": ' +
        'Kubernetes sets it for a service named sluice-metrics; ' +
        'set enableServiceLinks: false in the pod, or rename the service',
    ]);
  });
});

describe('a variable that begins as ours do', () => {
  test.each([
    ['SLUICE_MAX_FIEL', 'SLUICE_MAX_FILE'],
    ['SLUICE_PROT', 'SLUICE_PORT'],
    ['SLUICE_ACESS', 'SLUICE_ACCESS'],
    ['SLUICE_TLSCERT', 'SLUICE_TLS_CERT'],
    ['SLUICE_CONFG', 'SLUICE_CONFIG'],
  ])('a variable that begins as ours do and is misspelt is a problem: %s', (name, meant) => {
    expect(problemsOf({ [name]: '1' })).toEqual([`${name} is not a setting; did you mean ${meant}?`]);
  });

  test('a variable that begins as ours do and is like none of them is told, and ignored', () => {
    expect(taken({ SLUICE_TEAM: 'storage' })).toEqual({
      port: 8080,
      warnings: ['SLUICE_TEAM is not a setting, and is ignored'],
    });
  });

  test('a variable that begins as ours do and is empty, or is for another command, is nothing to speak of', () => {
    const env = Object.fromEntries(CLIENT_VARIABLES.map((name) => [name, '1']));
    expect(taken({ ...env, SLUICE_PROT: '', OTHER_PROT: '1' })).toEqual({ port: 8080, warnings: [] });
  });

  test.each(settingNames)('the variable of the setting %s is never passed over as another’s', (name) => {
    expect(readEnvironment({ [variableOf(name)]: 'x' })).toMatchObject({ problems: [], warnings: [] });
    expect(readEnvironment({ [variableOf(name)]: 'x' }).env).toHaveProperty(variableOf(name), 'x');
  });
});

describe('a command that talks to a server', () => {
  test('a command that talks to a server refuses a variable of its own that is misspelt, since it would go without TLS, or without a token', () => {
    expect(explainMisspeltVariable({ SLUICE_TSL: '1' })).toBe(
      'SLUICE_TSL is not a variable of sluice; did you mean SLUICE_TLS?',
    );
    expect(explainMisspeltVariable({ SLUICE_TOKEN_FIEL: 'x' })).toContain('did you mean SLUICE_TOKEN_FILE?');
  });

  test('a command that talks to a server passes over the variables of the server, of a service, and of others', () => {
    const all = Object.fromEntries(settingNames.map((name) => [variableOf(name), '1']));
    const env = { ...all, ...service('sluice', '10.0.0.1', [[80, 'TCP']]), SLUICE_TEAM: 'x' };
    expect(explainMisspeltVariable(env)).toBeNull();
  });

  test('a command that talks to a server has no option with a variable that is not known', () => {
    const { options } = addServerOption(new Command('test'), 'to');
    const named = options.flatMap(({ envVar }) => (envVar === undefined ? [] : [envVar]));
    expect(CLIENT_VARIABLES).toEqual(expect.arrayContaining(named));
  });
});
