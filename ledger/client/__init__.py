"""The client: batches built, signed and sent by whoever posts, in any program.

    async with Client(url, ledger="caja-norte", key=key) as client:
        sealer = Sealer(await client.origin(), seed=seed)
        async for outcome in client.post_all(sealer.seal(lines) for lines in days):
            ...

`Sealer` makes batches of lines, `Client` sends them until it knows what became of each,
`Spool` keeps them on disk for the time without a connection, `PlainClient` is for programs
without asyncio. What is sealed is posted once, however often it is sent.
"""
