/** tshark as the judge: of packets of every kind, it and the dissector read the same. */
import { execFileSync, spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { createDissector } from '../../src/capture/dissect.ts';
import { createFlow } from '../support/none.ts';
