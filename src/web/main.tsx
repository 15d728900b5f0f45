/** The page of `sluice serve --web`. */
import { render } from 'preact';
import { Shell } from './shell/shell.tsx';

render(<Shell />, document.getElementById('page')!);
