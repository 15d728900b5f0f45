/** The faces of the package: how many names each has, which, and with which signatures. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, expect, test } from 'vitest';
import { faceSources } from '../support/docstrings.ts';
import { publicFaces, reportOf } from '../support/public-names.ts';
import { root } from '../support/readme.ts';

const faces = publicFaces();
/** Types that the documentation does not name: it shows their members where they are inherited or joined. */
const SHOWN_ELSEWHERE = [
  'ArrivingBody',
  'ConnectionAbilities',
  'Counters',
  'Definition',
  'DissectOptions',
  'Of',
  'OfSide',
  'ReassemblyOptions',
  'Timed',
];
const golden = resolve(import.meta.dirname, 'golden/faces');
const fileOf = (name: string): string => `${golden}/${name.replace('/', '-')}.txt`;
const count = (isOf: (name: string) => boolean, isValue: boolean): number =>
  faces.filter(({ name }) => isOf(name)).flatMap(({ names }) => names.filter((it) => it.isValue === isValue))
    .length;

if (process.env.UPDATE_FACES) {
  mkdirSync(golden, { recursive: true });
  for (const face of faces) writeFileSync(fileOf(face.name), reportOf(face));
}

describe('the faces of the package', () => {
  test.each(faces)('$name exports what its report says; UPDATE_FACES=1 writes the report anew', (face) => {
    expect(reportOf(face)).toBe(readFileSync(fileOf(face.name), 'utf8'));
  });

  test('sluice has at most 40 values, the others together at most 88, and twice as many types', () => {
    const isMain = (name: string) => name === 'sluice';
    const isOther = (name: string) => !isMain(name);
    expect(count(isMain, true)).toBeLessThanOrEqual(40);
    expect(count(isMain, false)).toBeLessThanOrEqual(80);
    expect(count(isOther, true)).toBeLessThanOrEqual(88);
    expect(count(isOther, false)).toBeLessThanOrEqual(176);
  });

  test('no name is exported twice', () => {
    const names = faces.flatMap((face) => face.names.map(({ name }) => name));
    expect(names.filter((name, at) => names.indexOf(name) !== at)).toEqual([]);
  });

  test('no name means something else to its reader', () => {
    const taken = ['Request', 'Response', 'Window', 'Store', 'Effect', 'step', 'finish', 'problem', 'bytes'];
    const names = faces.flatMap((face) => face.names.map(({ name }) => name));
    expect(names.filter((name) => taken.includes(name) || name in globalThis)).toEqual([]);
  });

  test('the documentation is told of each type that is named and not exported, so that it has no warning', () => {
    const { typedocOptions } = JSON.parse(readFileSync(resolve(root, 'package.json'), 'utf8'));
    const hidden = new Set(faces.flatMap((face) => face.hidden));
    const told: readonly string[] = [...typedocOptions.intentionallyNotExported, ...SHOWN_ELSEWHERE];
    expect([...told].sort()).toEqual([...hidden].sort());
    const sources = faceSources.map(([, path]) => path);
    expect([...typedocOptions.entryPoints].sort()).toEqual([...sources].sort());
  });
});
