"""Random histories: what somebody may wish for, made up into commands that mean something.

A step is drawn before anything happened, as its name and some bytes. When its turn comes the
bytes are dice that choose against the plain model as it stands, so that most steps are about
what is there, and many of them hit an edge: all there is, one more, the whole of what is left,
the very moment. Bytes of zero choose what is plainest, which is where failures shrink to.
"""
