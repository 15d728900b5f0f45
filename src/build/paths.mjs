/** Paths below the root of the project, for the steps of the build. */
import { fileURLToPath } from 'node:url';

export const fromRoot = (path) => fileURLToPath(new URL(`../../${path}`, import.meta.url));
