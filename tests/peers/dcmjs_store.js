// Stores files with dcmjs-dimse, one association each: node dcmjs_store.js PORT CALLED FILE...
// Prints one line a file: its status in hexadecimal, or why it could not be sent.
// Several associations at a time, because most of the time of each is waiting.
const { Client, requests, constants, log } = require('dcmjs-dimse');

log.setLevel('silent');

const [port, called, ...files] = process.argv.slice(2);
const ANSWER_MILLISECONDS_MAX = 4000;
const ASSOCIATIONS = 6;

function store(file) {
  return new Promise((resolve) => {
    const client = new Client();
    const timer = setTimeout(() => resolve('no answer'), ANSWER_MILLISECONDS_MAX);
    let status = 'no answer';
    const end = (text) => {
      clearTimeout(timer);
      resolve(text);
    };
    try {
      const request = new requests.CStoreRequest(file);
      const syntax = request.getDataset()?.getTransferSyntaxUid();
      if (syntax) request.setAdditionalTransferSyntaxes([syntax]);
      request.on('response', (response) => {
        status = response.getStatus().toString(16).padStart(4, '0');
      });
      client.addRequest(request);
      client.on('closed', () => end(status));
      client.on('networkError', (error) => end(`network error: ${error.message}`));
      client.send('127.0.0.1', Number(port), 'DCMJS', called);
    } catch (error) {
      end(`could not be read: ${error.message}`);
    }
  });
}

async function worker() {
  for (let file = files.shift(); file; file = files.shift()) console.log(await store(file));
}

// A file that the library cannot encode must not end the others.
process.on('uncaughtException', (error) => console.log(`library error: ${error.message}`));
for (let i = 0; i < ASSOCIATIONS; i++) worker();
