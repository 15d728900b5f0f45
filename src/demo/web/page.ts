/** The page around it: a line for each file, with a bar. */
import { uploadFiles } from './upload-files.ts';

const list = document.querySelector('ul')!;
const bars = new Map<File, HTMLProgressElement>();

uploadFiles(document.querySelector('input')!, `ws://${location.host}/frames`).subscribe({
  next: ({ file, event }) => {
    const bar = bars.get(file) ?? lineOf(file);
    if (event.type === 'progress') bar.value = event.sent / Math.max(1, event.total);
    else bar.replaceWith(event.type === 'stored' ? 'stored' : event.message);
  },
  error: (error: unknown) => console.error(error),
});

function lineOf(file: File): HTMLProgressElement {
  const [line, bar] = [document.createElement('li'), document.createElement('progress')];
  line.append(`${file.name} `, bar);
  list.append(line);
  bars.set(file, bar);
  return bar;
}
