// Calls methods of dicomweb-client, one after the other: node dicomweb_client.js BASE_URL < CALLS
// CALLS is JSON: [{"call": "searchForStudies", "options": {...}, "files": [...]}]. Prints a list of
// what each gave: {"value": …}, {"bytes": [base64, …]} or {"status": …, "error": …}.
// The library is made for browsers; the one thing of a browser it needs is made here.
const fs = require('fs');
const http = require('http');

class XMLHttpRequest {
  constructor() {
    this.readyState = 0;
    this.status = 0;
    this.responseType = '';
    this.headers = {};
  }

  open(method, url) {
    this.method = method.toUpperCase();
    this.url = url;
  }

  setRequestHeader(name, value) {
    this.headers[name] = value;
  }

  getResponseHeader(name) {
    return this.answer.headers[name.toLowerCase()] ?? null;
  }

  getAllResponseHeaders() {
    return Object.entries(this.answer.headers).map(([name, text]) => `${name}: ${text}`).join('\r\n');
  }

  send(body) {
    const request = http.request(this.url, { method: this.method, headers: this.headers });
    request.on('response', (answer) => {
      const pieces = [];
      answer.on('data', (piece) => pieces.push(piece));
      answer.on('end', () => this.finish(answer, Buffer.concat(pieces)));
    });
    request.on('error', () => this.finish({ statusCode: 0, headers: {} }, Buffer.alloc(0)));
    request.end(body ? Buffer.from(body) : undefined);
  }

  finish(answer, content) {
    this.answer = answer;
    this.status = answer.statusCode;
    this.response = this.read(content);
    this.readyState = 4;
    this.onreadystatechange();
  }

  read(content) {
    if (this.responseType === 'arraybuffer') {
      return content.buffer.slice(content.byteOffset, content.byteOffset + content.length);
    }
    if (this.responseType !== 'json') return content.toString();
    try {
      return JSON.parse(content.toString());
    } catch {
      return null;
    }
  }
}

globalThis.XMLHttpRequest = XMLHttpRequest;
const { api } = require('dicomweb-client');

function told(value) {
  const list = Array.isArray(value) ? value : [value];
  if (list.length && list.every((one) => one instanceof ArrayBuffer)) {
    return { bytes: list.map((one) => Buffer.from(one).toString('base64')) };
  }
  return { value };
}

async function main() {
  const client = new api.DICOMwebClient({ url: process.argv[2] });
  const results = [];
  for (const { call, options, files } of JSON.parse(fs.readFileSync(0, 'utf8'))) {
    try {
      const given = { ...options };
      if (files) {
        const read = files.map((file) => fs.readFileSync(file));
        given.datasets = read.map((one) => one.buffer.slice(one.byteOffset, one.byteOffset + one.length));
      }
      results.push(told(await client[call](given)));
    } catch (error) {
      results.push({ status: error.status ?? null, error: error.message });
    }
  }
  console.log(JSON.stringify(results));
}

main();
