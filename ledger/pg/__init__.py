"""PostgreSQL: the embedded server, the migrations, and what is written and read there."""
