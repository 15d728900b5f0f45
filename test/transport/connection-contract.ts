/** The suite of a connection, run by vitest, with as many random cases as were asked for. */
import { describe, it } from 'vitest';
import {
  type ConnectionAbilities,
  connectionContract as declareContract,
} from '../../src/transport/conformance/suite.ts';
import type { Connection } from '../../src/transport/connection.ts';
import { cases, testSeed } from '../support/random/cases.ts';

/** @param connect makes two connections that are each other's peer, with nothing read or written yet. */
export const connectionContract = (
  name: string,
  connect: () => Promise<readonly [Connection, Connection]>,
  abilities: Partial<ConnectionAbilities> = {},
): void => declareContract(name, connect, { describe, it, runs: cases(40), seed: testSeed, ...abilities });
