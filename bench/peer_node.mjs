// peer_node.mjs: the same as peer_curl_cjson in Node, with fetch and JSON.parse.
//
//   node peer_node.mjs URL PAGES STRIDE UNDER_WAY
//
// Prints how many records there were.

const [url, pages, stride, underWay] = process.argv.slice(2).map((text, i) => (i === 0 ? text : Number(text)));
let next = 0;
let seen = 0;

async function work() {
  while (next < pages) {
    const answer = await fetch(`${url}?limit=200&offset=${next++ * stride}`);
    if (answer.status !== 200) throw new Error(`status ${answer.status}`);
    for (const record of JSON.parse(await answer.text()).data) {
      if (record.id) seen++;
    }
  }
}

await Promise.all(Array.from({ length: underWay }, work));
console.log(seen);
