import hashlib,time,blake3,xxhash,zlib
b=bytes(range(256))*2048
for n,f in dict(sha256=hashlib.sha256,blake2b=hashlib.blake2b,sha1=hashlib.sha1,md5=hashlib.md5,blake3=blake3.blake3,xxh3=xxhash.xxh3_128,crc=zlib.crc32).items():
    t=time.perf_counter()
    for _ in range(200): f(b)
    d=time.perf_counter()-t; print(n, f'{200*len(b)/d/1e6:.0f} MB/s {d/200*1e6:.0f}us per 512K')
    c=b[:8192]; t=time.perf_counter()
    for _ in range(2000): f(c)
    print('  8K', f'{(time.perf_counter()-t)/2000*1e6:.1f}us')
