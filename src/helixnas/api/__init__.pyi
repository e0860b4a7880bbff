from .given_module import register_module as register_module
from .run import Found as Found, Run as Run
from .searching import search_architecture as search_architecture
