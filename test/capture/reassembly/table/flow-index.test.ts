/** The index of flows: it finds what a map of both flows of each conversation would. */
import { fc, test as property } from '@fast-check/vitest';
import { expect, test } from 'vitest';
import { reverseFlow } from '../../../../src/capture/reassembly/flow.ts';
import { createFlowIndex } from '../../../../src/capture/reassembly/table/flow-index.ts';
import { createRecords, NO_RECORD, type Records } from '../../../../src/capture/reassembly/table/records.ts';
import { flowOf } from '../../../support/captures/segments.ts';
import { cases } from '../../../support/random/cases.ts';

const byte = fc.constantFrom(0, 1, 255);
const port = fc.constantFrom(1, 256, 65_535);
const flows = fc.constantFrom(4, 16).chain((length) => {
  const host = fc.array(byte, { minLength: length, maxLength: length });
  return fc.tuple(host, host, port, port).map((facts) => flowOf(...facts));
});

property.prop([fc.array(fc.tuple(fc.boolean(), flows), { maxLength: 200 })], { numRuns: cases(200) })(
  'a flow is found with its direction until its conversation is deleted, whichever others were added',
  (steps) => {
    const records = createRecords();
    const index = createFlowIndex(records);
    const model = new Map<string, { readonly record: number; readonly flow: string }>();
    for (const [adds, flow] of steps) {
      const known = model.get(flow);
      const found = index.find(flow);
      expect(found).toBe(known?.record ?? NO_RECORD);
      if (known !== undefined) expect(index.way).toBe(known.flow === flow ? 'first' : 'second');
      if (known === undefined && adds) {
        const record = records.allocate();
        index.add(record, flow);
        for (const each of [reverseFlow(flow), flow]) model.set(each, { record, flow });
      } else if (known !== undefined && !adds) {
        index.delete(known.record);
        records.free(known.record);
        for (const each of [flow, reverseFlow(flow)]) model.delete(each);
      }
    }
  },
);

test('however many conversations there are, and however alike their addresses, a few records are looked at to find one', () => {
  const all = createRecords();
  let looks = 0;
  const counting: Records = {
    ...all,
    page(record) {
      looks++;
      return all.page(record);
    },
  };
  const index = createFlowIndex(counting);
  const count = 40_000;
  const flowAt = (n: number): string => flowOf([10, 0, n >> 14, 1], [10, 0, 0, 1], 1024 + (n & 16_383), 80);
  for (let n = 0; n < count; n++) index.add(all.allocate(), flowAt(n));
  looks = 0;
  for (let n = 0; n < count; n++) expect(index.find(flowAt(n))).toBe(n);
  // Three for the one that is found, and two for each that is in its bucket before it: some 3.6, whatever the factors.
  expect(looks / count).toBeLessThan(4.5);
});
