import { inspect } from 'node:util';
import { describe, expect, expectTypeOf, test } from 'vitest';
import { SluiceError, StateError } from '../../src/base/sluice-error.ts';
import { ClientError, isClientFault } from '../../src/client/client-fault.ts';
import { clientFault } from '../../src/client/content/read-content.ts';
import type { ConnectionFault } from '../../src/transport/connection.ts';
import { ConnectionError, connectionError } from '../../src/transport/connection-error.ts';
import { connectionFault } from '../../src/transport/connection-fault.ts';
import { FrameError } from '../../src/wire/frame-error.ts';

const reset: ConnectionFault = { code: 'reset', message: 'the peer reset the connection' };

describe('an error as JSON', () => {
  const jsonOf = (error: SluiceError): unknown => JSON.parse(JSON.stringify(error));

  test('an error as JSON has its message, and the errors that led to it', () => {
    const cause = new Error('outer', { cause: Object.assign(new Error('inner'), { code: 'EIO' }) });
    expect(jsonOf(new ConnectionError(reset, { cause }))).toEqual({
      name: 'ConnectionError',
      code: 'reset',
      message: reset.message,
      fault: reset,
      cause: { name: 'Error', message: 'outer', cause: { name: 'Error', code: 'EIO', message: 'inner' } },
    });
  });

  test('an error as JSON leaves out what JSON cannot hold', () => {
    const circle: Record<string, unknown> = { big: 2n ** 64n, nobody: undefined, run: () => 1 };
    circle.self = circle;
    const made = jsonOf(new SluiceError({ code: 'odd', message: 'odd', ...{ circle, at: new URL('a:b') } }));
    expect(made).toMatchObject({ fault: { circle: { big: '18446744073709551616' }, at: 'a:b' } });
    const cyclic = new Error('cyclic');
    cyclic.cause = cyclic;
    expect(jsonOf(new ClientError({ code: 'content', message: 'no', cause: cyclic }))).toMatchObject({
      cause: { message: 'cyclic' },
    });
  });
});

test('an error has the name of its class in its stack, and no field of its own for it', () => {
  for (const error of [new ConnectionError(reset), new StateError('detached', 'it is detached')]) {
    expect(error.stack).toMatch(new RegExp(`^${error.name}: ${error.message}\n`));
    expect(Object.keys(error)).toEqual(['code', 'fault']);
    expect(inspect(error)).toContain(`${error.name}: `);
    expect('cause' in error).toBe(false);
  }
});

test('an error is narrowed by its class', () => {
  const error: unknown = new ConnectionError(reset);
  if (error instanceof SluiceError) expectTypeOf(error.code).toEqualTypeOf<string>();
  if (error instanceof ConnectionError) expectTypeOf(error.code).toEqualTypeOf<ConnectionFault['code']>();
  if (error instanceof FrameError) expectTypeOf(error.fault.position).toEqualTypeOf<number>();
});

test('whatever a transport errors with becomes the error of a connection', () => {
  const own = new ConnectionError(reset);
  expect(connectionError(own)).toBe(own);
  // A transport of somebody else's may error with the data alone, or with an error of the system.
  expect(connectionError(reset)).toMatchObject({ name: 'ConnectionError', fault: reset });
  const system = Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET', syscall: 'read' });
  expect(connectionError(system)).toMatchObject({ name: 'ConnectionError', code: 'failed', cause: system });
  expect(connectionFault(system)).toMatchObject({ code: 'reset' });
  expect(connectionFault('a string')).toEqual({ code: 'failed', message: 'a string' });
});

describe('the error of a client', () => {
  const refused = new ClientError({
    code: 'refused',
    error: { code: 'not-found', message: 'there is none' },
  });

  test('the error of a client can be read as its data can', () => {
    expect(refused).toMatchObject({
      code: 'refused',
      message: 'there is none',
      error: { code: 'not-found' },
    });
    expect(refused.sent).toBeUndefined();
    const broken = new ClientError({ code: 'connection', cause: reset, sent: true });
    expect(broken).toMatchObject({
      message: reset.message,
      cause: { name: 'ConnectionError', code: 'reset' },
    });
    expect([broken.sent, broken.error]).toEqual([true, undefined]);
  });

  test('the error of a client is told from others', () => {
    expect(isClientFault(refused)).toBe(true);
    expect(isClientFault(refused.fault)).toBe(true);
    // Nobody listens there.
    expect(isClientFault(new ConnectionError({ code: 'refused', message: 'nobody' }))).toBe(false);
    expect(isClientFault(new Error('other'))).toBe(false);
    expect(clientFault(refused)).toBe(refused.fault);
    expect(clientFault(new Error('other'))).toMatchObject({ code: 'content', message: 'other' });
  });
});
