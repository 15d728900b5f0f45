import { TestScheduler } from 'rxjs/testing';
import { describe, expect, test } from 'vitest';
import { memoryPair } from '../../src/transport/memory-pair.ts';
import { connectionContract } from './connection-contract.ts';
import { pattern, read, turns, write } from './connection-helpers.ts';

connectionContract('the memory pair', async () => memoryPair());
connectionContract('the memory pair without a buffer', async () => memoryPair({ highWaterMark: 0 }));
