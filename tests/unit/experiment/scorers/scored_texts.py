"""Texts with known scores."""

TRIO = (
    ["The dog bit the man.", "It wasn't surprising.", "The man had just bitten him."],
    [
        ["The dog bit the man.", "The dog had bit the man."],
        ["It was not unexpected.", "No one was surprised."],
        ["The man bit him first.", "The man had bitten the dog."],
    ],
)
"""The example of sacrebleu's README."""

SIGN = (
    "public static int Sign ( double d ) { return ( int ) "
    "( ( d == 0 ) ? 0 : ( d < 0 ) ? - 1 : 1) ; }"
)
SIGN_OTHER = (
    "public static int Sign ( double d ) { return ( float ) "
    "( ( d == 0 ) ? 0 : ( c < 0.0 ) ? - 1 : 1) ; }"
)
SIGN_RENAMED = SIGN.replace(" d ", " c ")
"""The examples of the CodeBLEU paper."""

RUSSIAN = "Идол из Помоса вырезан из пикролита — «крестовидная» фигура."
