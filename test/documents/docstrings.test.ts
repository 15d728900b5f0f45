/** What the documentation is made of: every exported name says what it means, and shows it in code that compiles. */
import * as rxjs from 'rxjs';
import { beforeAll, describe, expect, test } from 'vitest';
import { faultsOfExamples } from '../support/docstring-examples.ts';
import { type Docstring, type DocumentedFace, documentedFaces } from '../support/docstrings.ts';

let faces: readonly DocumentedFace[];
beforeAll(() => {
  faces = documentedFaces();
});
/** What a docstring may name besides the package, RxJS, the platform and the codes of the system. */
const FOUND_ELSEWHERE = [
  // Of node:stream, rxjs/testing and WebTransport.
  ...['Readable', 'TestScheduler', 'WebTransportBidirectionalStream'],
  // A setting of Node, parameters of types, and a label of PostgreSQL.
  ...['UV_THREADPOOL_SIZE', 'Head', 'Out', 'Query'],
];
/** A field of options: of limits too, since all of them are given as a `Partial`. */
const OPTION = /(Options|Settings|Limits)\./;
const names = (): readonly Docstring[] => faces.flatMap((face) => face.names);
const everything = (): readonly Docstring[] => faces.flatMap((face) => [...face.names, ...face.members]);
const places = (docstrings: readonly Docstring[]): readonly string[] => docstrings.map(({ place }) => place);

describe('the docstrings', () => {
  test('every exported name has one, and every preset', () => {
    expect(names().length).toBeGreaterThan(300);
    expect(places(names().filter(({ text }) => text.trim() === ''))).toEqual([]);
  });

  test('every exported function, class and constant has an example', () => {
    expect(places(names().filter(({ isValue, examples }) => isValue && examples.length === 0))).toEqual([]);
  });

  test('every member of an exported interface says what it means, but for the tag of a union', () => {
    const members = faces.flatMap((face) => face.members);
    expect(members.length).toBeGreaterThan(600);
    // What the language defines, such as Symbol.asyncDispose, begins so.
    const isOfTheLanguage = (name: string) => name.startsWith('__@');
    const own = members.filter(({ name }) => name !== 'type' && !isOfTheLanguage(name));
    expect(places(own.filter(({ text }) => text.trim() === ''))).toEqual([]);
  });

  test('every option that may be left out says what it is then', () => {
    const options = faces.flatMap(({ members }) => members).filter(({ place }) => OPTION.test(place));
    expect(options.length).toBeGreaterThan(150);
    const mayBeLeftOut = options.filter(({ place, isOptional }) => isOptional || place.includes('Limits.'));
    expect(places(mayBeLeftOut.filter(({ text }) => !/\bdefault|\babsent\b/i.test(text)))).toEqual([]);
  });

  test('a docstring names no type and no constant that its reader cannot find', () => {
    const found = new Set([
      ...everything().map(({ name }) => name),
      ...Object.keys(rxjs),
      ...FOUND_ELSEWHERE,
    ]);
    const lost = everything().flatMap(({ place, text }) =>
      [...text.matchAll(/`([A-Z]\w+)[`.(]/g)].flatMap(([, name]) =>
        found.has(name!) || name! in globalThis || /^E[A-Z]+$/.test(name!) ? [] : [`${place}: ${name}`],
      ),
    );
    expect(lost).toEqual([]);
  });

  test('every example compiles against the sources', () => {
    expect(faultsOfExamples(everything())).toEqual([]);
  });
});
