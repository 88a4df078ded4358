// A browser (jsdom) that opens ctc's admin page and runs its script, as ctc serves it.
//   node admin_page.mjs URL [--language TAG] [--hostile]
// --hostile: every text of ctc's answers comes with HTML that a careless page would run.
// Commands on stdin, one a line; each is answered with one line of JSON:
//   look          what the page shows, and which tags it is made of
//   click ID      presses the button; is it disabled then?
//   link HASH     another link is pasted into the address bar
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import { JSDOM, VirtualConsole } from 'jsdom';

const { positionals: [url], values: options } = parseArgs({
  allowPositionals: true, options: { language: { type: 'string', default: 'en-US' }, hostile: { type: 'boolean' } } });

const kHostile = '<img src=x onerror="ran()"><script>ran()</script>';
const poisoned = (value) =>
  typeof value === 'string' ? kHostile + value
    : Array.isArray(value) ? value.map(poisoned)
      : value && typeof value === 'object' ? Object.fromEntries(Object.entries(value).map(([key, each]) => [key, poisoned(each)])) : value;

let ran = 0;
const virtualConsole = new VirtualConsole();
virtualConsole.on('jsdomError', (error) => {
  console.error(`page: ${error.message}`);
  process.exit(1);
});

function prepare(window) {
  window.ran = () => { ++ran; };
  Object.defineProperty(window.navigator, 'language', { value: options.language });
  // jsdom has no fetch; this is node's, with the origin that a browser adds.
  window.fetch = async (path, { signal, headers, ...rest }) => {
    const stop = new AbortController();
    signal.addEventListener('abort', () => stop.abort());
    const origin = rest.method === 'GET' ? {} : { Origin: window.location.origin };
    const response = await fetch(new URL(path, window.location.href), { ...rest, headers: { ...headers, ...origin }, signal: stop.signal });
    if (!options.hostile) return response;
    return { ok: response.ok, status: response.status, json: async () => poisoned(await response.json()) };
  };
}

const { window } = await JSDOM.fromURL(url, {
  runScripts: 'dangerously', resources: 'usable', pretendToBeVisual: true, virtualConsole, beforeParse: prepare });
const { document } = window;
const element = (id) => document.getElementById(id);
const text = (node) => node.textContent.replaceAll('\u00a0', ' ');

function listOf(list) {
  const out = {};
  for (let i = 0; i + 1 < list.children.length; i += 2) out[text(list.children[i])] = text(list.children[i + 1]);
  return out;
}

/** Rows by their columns' titles. */
function tableOf(table) {
  const titles = [...table.querySelectorAll('thead th')].map(text);
  return [...table.querySelectorAll('tbody tr')].filter((row) => row.children.length === titles.length)
    .map((row) => Object.fromEntries([...row.children].map((cell, index) => [titles[index], text(cell)])));
}

const byId = (nodes, read) => Object.fromEntries([...nodes].map((node) => [node.id, read(node)]));

const commands = {
  look: () => ({
    url: window.location.href,
    title: document.title,
    language: document.documentElement.lang,
    notice: element('notice').hidden ? '' : text(element('notice')),
    shown: !element('main').hidden,
    stale: element('main').classList.contains('stale'),
    lists: byId(document.querySelectorAll('dl'), listOf),
    tables: byId(document.querySelectorAll('table'), tableOf),
    texts: byId(document.querySelectorAll('h2, p[id], small[id], table'), text),
    disabled: byId(document.querySelectorAll('button'), (button) => button.disabled),
    tags: [...new Set([...document.querySelectorAll('*')].map((node) => node.localName))],
    scripts: document.scripts.length,
    ran,
  }),
  click: (id) => {
    element(id).click();
    return { disabled: element(id).disabled };
  },
  link: (hash) => {
    window.location.hash = hash;
    return {};
  },
};

for await (const line of createInterface({ input: process.stdin })) {
  const [command, ...words] = line.split(' ');
  console.log(JSON.stringify(commands[command](...words)));
}
window.close();
process.exit(0);
