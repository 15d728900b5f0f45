/** Writes the licences of the packages that are bundled with the command line. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fromRoot } from './paths.mjs';

const LICENCE_FILE = /^(licen[cs]e|copying)\b/i;
const NOTICE_FILE = /^notice\b/i;

/**
 * @param metafiles esbuild's lists of what is in the bundles.
 * @param to the file, below the root.
 * @throws Error for a bundled package that has no licence with it.
 */
export function writeNotices(metafiles, to) {
  const sections = bundledPackages(metafiles).map((folder) => {
    const { name, version, license, author } = JSON.parse(
      readFileSync(fromRoot(join(folder, 'package.json')), 'utf8'),
    );
    const files = readdirSync(fromRoot(folder)).sort();
    const texts = [LICENCE_FILE, NOTICE_FILE].flatMap((wanted) => files.filter((file) => wanted.test(file)));
    const words = texts.map((file) => readFileSync(fromRoot(join(folder, file)), 'utf8').trim());
    const hasText = texts.some((file) => LICENCE_FILE.test(file));
    // Some say only the name of their licence, and ship no text of it.
    if (!hasText && license === 'MIT' && author?.name !== undefined) words.unshift(mitLicence(author.name));
    else if (typeof license !== 'string' || !hasText) {
      throw new Error(`${folder} is bundled, but has no licence that could be shipped with it`);
    }
    return [`${name} ${version} (${license})`, ...words].join('\n\n');
  });
  const intro =
    'The command line of Sluice contains these packages, in whole or in part, under their licences.';
  writeFileSync(fromRoot(to), `${[intro, ...sections].join(`\n\n${'-'.repeat(80)}\n\n`)}\n`);
}

/** The folders of the packages of which something is in a bundle, by name. */
function bundledPackages(metafiles) {
  const folders = metafiles
    .flatMap(({ outputs }) => Object.values(outputs))
    .flatMap(({ inputs }) => Object.entries(inputs))
    .filter(([, { bytesInOutput }]) => bytesInOutput > 0)
    .flatMap(([path]) => /^.*\bnode_modules\/(?:@[^/]+\/)?[^/]+/.exec(path)?.[0] ?? []);
  return [...new Set(folders)].sort();
}

const mitLicence = (holder) => `Copyright (c) ${holder}

Permission is hereby granted, free of charge, to any person obtaining a copy of this software and associated
documentation files (the "Software"), to deal in the Software without restriction, including without limitation the
rights to use, copy, modify, merge, publish, distribute, sublicense, and/or sell copies of the Software, and to permit
persons to whom the Software is furnished to do so, subject to the following conditions:

The above copyright notice and this permission notice shall be included in all copies or substantial portions of the
Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT NOT LIMITED TO THE
WARRANTIES OF MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR
COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR
OTHERWISE, ARISING FROM, OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE.`;
